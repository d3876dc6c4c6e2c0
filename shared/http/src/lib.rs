//! Reading sources and calling endpoints over HTTP, with the outbound address policy.
