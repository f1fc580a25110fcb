//! ChannelTimeout: what nothing has moved through for too long is closed.

use std::time::Duration;

use ipc::phases::LoggedInRequest;
use settings::values::ChannelTimeout;
use tokio::time::Instant;

use super::Connection;
use super::channel::Channel;
use crate::serve::monitor_link::{LinkError, MonitorLink};

/// The name of the limit for all channels taken together; no pattern of types matches it.
const GLOBAL: &str = "global";

/// How long channels may be idle, and since when they all are.
#[derive(Debug)]
pub(crate) struct IdleLimits {
    /// Pattern and limit; none is no limit.
    by_type: Vec<(String, Option<Duration>)>,
    global: Option<Duration>,
    /// When something last moved through any channel.
    any_used: Instant,
}

/// How long one channel may be idle, and since when it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    limit: Option<Duration>,
    used: Instant,
}

/// A channel's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expired {
    /// The limit.
    after: Duration,
}

impl IdleLimits {
    /// `ChannelTimeout`. Needs no runtime, but its clock.
    pub(crate) fn new(timeouts: &[ChannelTimeout]) -> Self {
        let limit = |timeout: &ChannelTimeout| {
            let seconds = u64::from(timeout.timeout.0);
            (seconds > 0).then(|| Duration::from_secs(seconds))
        };
        let is_global = |timeout: &&ChannelTimeout| timeout.channel_type == GLOBAL;
        Self {
            by_type: timeouts
                .iter()
                .filter(|timeout| !is_global(timeout))
                .map(|timeout| (timeout.channel_type.clone(), limit(timeout)))
                .collect(),
            // As theirs: of several the last one counts, whereas of types it is the first.
            global: timeouts.iter().rfind(is_global).and_then(limit),
            any_used: Instant::now(),
        }
    }

    /// Whether there is anything to watch.
    fn is_set(&self) -> bool {
        self.global.is_some() || self.by_type.iter().any(|(_, limit)| limit.is_some())
    }

    /// The first pattern that matches counts. `session` also stands for `session:shell` and its like where no pattern
    /// matches these: that is what sshd_config(5) says. (In OpenSSH 10.5 such a line has no effect.)
    fn of_type(&self, name: &str) -> Option<Duration> {
        let general = name.split(':').next().unwrap_or(name);
        let first_for =
            |name: &str| self.by_type.iter().find(|(pattern, _)| settings::pattern::matches_pattern(name, pattern));
        first_for(name).or_else(|| first_for(general)).and_then(|(_, limit)| *limit)
    }

    /// Takes note of a channel's turn, in which something may have moved.
    pub(super) fn attend(&mut self, channel: &mut Channel, moved: bool) {
        if !self.is_set() {
            return;
        }
        let is_new = channel.idle.is_none();
        let Some(name) = channel.type_in_use().filter(|_| is_new || moved) else { return };
        let limit = channel.idle.map_or_else(|| self.of_type(name), |idle| idle.limit);
        let used = Instant::now();
        channel.idle = Some(Idle { limit, used });
        self.any_used = used;
    }

    /// When a channel expires, and by which limit.
    fn expiry(&self, channel: &Channel) -> Option<(Instant, Expired)> {
        let idle = channel.idle.filter(|_| channel.type_in_use().is_some())?;
        let by =
            |since: Instant, after: Option<Duration>| Some((since.checked_add(after?)?, Expired { after: after? }));
        [by(idle.used, idle.limit), by(self.any_used, self.global)].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

impl Connection {
    /// When the next channel is to be closed, should nothing move until then.
    pub(crate) fn next_idle_deadline(&self) -> Option<Instant> {
        if !self.idle.is_set() {
            return None;
        }
        self.channels.iter().filter_map(|channel| self.idle.expiry(channel)).map(|(at, _)| at).min()
    }

    /// Closes the channels whose time is over by `now`. As theirs, that need not end what is behind them: a command on
    /// a terminal is hung up, another one finds its pipes closed.
    pub(crate) fn close_idle(&mut self, now: Instant, link: &mut MonitorLink) -> Result<(), LinkError> {
        for number in 0..self.channels.end() {
            let Some(channel) = self.channels.find(number) else { continue };
            let Some((_, expired)) = self.idle.expiry(channel).filter(|(at, _)| *at <= now) else { continue };
            link.tell(&LoggedInRequest::Record(events::session::Event::ChannelIdle {
                channel: number,
                seconds: expired.after.as_secs(),
            }))?;
            channel.close_now(link, &mut self.outbox);
        }
        Ok(())
    }

    /// Whether anything goes on: a session that runs, a connection that is forwarded or about to be.
    pub(crate) fn is_used(&self) -> bool {
        self.channels.awaits_any() || self.channels.iter().any(|channel| channel.type_in_use().is_some())
    }

    /// Whether something is open that is no terminal's and asks for throughput rather than for a quick answer: as in
    /// OpenSSH 10.5, everything but an agent.
    pub(crate) fn has_bulk(&self) -> bool {
        let is_bulk = |channel: &Channel| {
            !channel.has_terminal() && channel.type_in_use().is_some_and(|name| name != super::forwarded::AGENT)
        };
        self.channels.iter().any(is_bulk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::values::Seconds;

    fn limits(text: &str) -> IdleLimits {
        let timeouts: Vec<ChannelTimeout> = text
            .split_whitespace()
            .map(|word| {
                let (channel_type, seconds) = word.split_once('=').unwrap();
                let timeout = Seconds(seconds.parse().unwrap());
                ChannelTimeout { channel_type: channel_type.to_owned(), timeout, written: word.to_owned() }
            })
            .collect();
        IdleLimits::new(&timeouts)
    }

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let of = |text: &str, name: &str| limits(text).of_type(name).map(|limit| limit.as_secs());
        assert_eq!(of("session:shell=5 session:*=7", "session:shell"), Some(5));
        assert_eq!(of("session:shell=5 session:*=7", "session:subsystem:sftp"), Some(7));
        assert_eq!(of("session=3", "session:command"), Some(3));
        assert_eq!(of("session=3 session:command=0", "session:command"), None, "the exact name first");
        assert_eq!(of("*=9", "direct-tcpip"), Some(9));
        assert_eq!(of("direct-*=9", "forwarded-tcpip"), None);
        assert_eq!(of("global=9", "session:shell"), None, "is no type");
        assert_eq!(limits("global=9 global=8").global, Some(Duration::from_secs(8)));
        assert_eq!(limits("*=9").global, None);
        assert!(!limits("global=0 session:shell=0").is_set());
    }
}
