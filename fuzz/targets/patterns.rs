//! Patterns, lists of them, and address blocks. A text in front of a NUL byte, what it is compared with behind it.
#![no_main]

use settings::pattern::{
    ListMatch, check_address_list, matches_address_list, matches_groups, matches_host_or_address, matches_pattern,
    matches_pattern_list, matches_user, numeric_address,
};
use settings::text::from_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = from_bytes(bytes);
    let (text, list) = text.split_once('\0').unwrap_or((&text, "*"));
    assert!(matches_pattern(text, "*"));
    let _ = (matches_pattern(text, list), matches_pattern_list(text, list), matches_groups([text, "users"], list));
    let _ = (matches_user(text, Some(text), "192.0.2.7", list), matches_host_or_address(Some(text), text, list));
    let _ = numeric_address(text);
    match (check_address_list(list), matches_address_list("2001:db8::7", list)) {
        (Ok(()), verdict) => assert!(verdict.is_ok()),
        (Err(_), verdict) => assert_ne!(verdict, Ok(ListMatch::Hit)),
    }
});
