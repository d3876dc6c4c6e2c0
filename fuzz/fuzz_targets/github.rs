#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crossdock_fuzz::check(&crossdock_fuzz::github(), data));
