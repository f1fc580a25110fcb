//! How long a failed login takes at least.

use std::time::Duration;

use aws_lc_rs::hmac;

/// Every failure takes at least this long, so that what was found out on the way does not show.
const SHORTEST: Duration = Duration::from_millis(5);
/// What a user's name adds at most, in nanoseconds: 4.2 ms.
const LONGEST_ADDITION: u64 = 4_200_000;
/// Whoever has waited longer than this for an answer is not kept waiting any longer.
const LONGEST: Duration = Duration::from_secs(5);

/// The least time that a failed attempt to be `user` takes: 5 to 9.2 ms, always the same for a name, and not to be
/// guessed without `secret`, which the listener draws once. The name alone decides, whether such an account exists or
/// not (CVE-2026-60001: no method is exempt).
#[must_use]
pub fn failure_delay(secret: &[u8; 32], user: &str) -> Duration {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), user.as_bytes());
    let random = tag.as_ref().iter().take(4).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    SHORTEST + Duration::from_nanos((random * LONGEST_ADDITION) >> 32)
}

/// How long to wait now, `elapsed` after the request came: up to the next of `delay`, twice, four times, … so that
/// work that took a little longer than `delay` does not show either.
#[must_use]
pub fn remaining_delay(delay: Duration, elapsed: Duration) -> Duration {
    if elapsed > LONGEST || delay.is_zero() {
        return Duration::ZERO;
    }
    let mut end = delay;
    while end < elapsed {
        end *= 2;
    }
    end - elapsed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_stay_in_their_range_and_belong_to_the_name(secret: [u8; 32], user: String) {
            let delay = failure_delay(&secret, &user);
            prop_assert!((Duration::from_millis(5)..Duration::from_micros(9_200)).contains(&delay));
            prop_assert_eq!(delay, failure_delay(&secret, &user));
            prop_assert_ne!(delay, failure_delay(&secret, &format!("{user}x")));
        }

        /// Whatever the work took, the answer comes at a power of two times the delay.
        #[test]
        fn the_answer_comes_on_the_grid(delay in 5_000u64..9_200, elapsed in 0u64..5_000_000) {
            let (delay, elapsed) = (Duration::from_micros(delay), Duration::from_micros(elapsed));
            let total = elapsed + remaining_delay(delay, elapsed);
            let steps = total.as_nanos() / delay.as_nanos();
            prop_assert!(total.as_nanos().is_multiple_of(delay.as_nanos()) && steps.is_power_of_two());
            prop_assert!(total < elapsed * 2 || steps == 1);
        }
    }

    #[test]
    fn a_late_answer_is_not_delayed_further() {
        assert_eq!(remaining_delay(SHORTEST, Duration::from_secs(6)), Duration::ZERO);
        assert_eq!(remaining_delay(Duration::ZERO, Duration::from_secs(1)), Duration::ZERO);
    }
}
