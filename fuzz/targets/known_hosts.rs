//! Files of known hosts: markers, patterns, hashed names, keys.
#![no_main]

use keys::known_hosts::{Hosts, known_hosts};
use settings::pattern::matches_host_list;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    for (_, line) in known_hosts(file) {
        let Ok(line) = line else { continue };
        let _ = match line.hosts() {
            Hosts::Patterns(list) => matches_host_list("pc.example.org", list).is_hit(),
            hashed @ Hosts::Hashed(_) => hashed.is_hash_of("pc.example.org"),
        };
        let _ = line.key();
    }
});
