//! The sample over real HTTP.

#[cfg(test)]
mod hub_file;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod support;
