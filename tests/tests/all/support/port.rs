//! Ports for programs that do not say which one the system gave them.

use super::{now, random::Random};

/// Outside of the range from which the system gives ports to those that do not care, so that it can be taken again.
pub(crate) fn free_port() -> u16 {
    let mut random = Random::from_seed(now().as_nanosecond() as u64);
    let mut ports = std::iter::repeat_with(|| 20_000 + random.below(10_000) as u16).take(100);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).unwrap_or_else(|| panic!("no free port"))
}
