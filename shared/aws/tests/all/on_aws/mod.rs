mod bus;
mod queues;
mod secrets;
mod store;
