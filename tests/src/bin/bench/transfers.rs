//! Logins, and bytes through commands.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use crate::place::{Place, fill};
use crate::server::{Running, Server};

impl Place {
    /// Milliseconds of CPU for one login that runs `true`.
    pub(crate) fn logins(&self, server: Server, count: usize) -> f64 {
        let running = self.start(server);
        for _ in 0..count {
            self.client(&running, &[], "true", None);
        }
        running.stop().as_secs_f64() * 1000.0 / count as f64
    }

    /// Seconds of CPU for one GiB from the server.
    pub(crate) fn cat_from(&self, server: Server, cipher: &str, mebibytes: usize) -> f64 {
        let input = self.scratch.path("input");
        fill(&input, mebibytes << 20);
        let running = self.start(server);
        self.client(&running, &["-c", cipher], &format!("cat {}", input.display()), None);
        running.stop().as_secs_f64() * 1024.0 / mebibytes as f64
    }

    /// Seconds of CPU for one GiB to the server.
    pub(crate) fn cat_to(&self, server: Server, cipher: &str, mebibytes: usize) -> f64 {
        let input = self.scratch.path("input");
        fill(&input, mebibytes << 20);
        let running = self.start(server);
        self.client(&running, &["-c", cipher], "cat >/dev/null", Some(&input));
        running.stop().as_secs_f64() * 1024.0 / mebibytes as f64
    }

    fn client(&self, running: &Running, arguments: &[&str], what: &str, input: Option<&Path>) {
        let input = input.map_or_else(Stdio::null, |path| File::open(path).expect("the input").into());
        let mut command = self.command(running, "ssh", arguments);
        let status = command.arg(self.target()).arg(what).stdin(input).stdout(Stdio::null()).status().expect("ssh");
        assert!(status.success(), "{what}: {status:?}");
    }
}
