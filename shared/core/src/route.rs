//! Which routes a message matches: the same answer the bus will come to, worked out by the writer and stored with the
//! message.
