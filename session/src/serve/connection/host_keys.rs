//! Telling the client of all our host keys, and proving that they are ours: `hostkeys-00@openssh.com` and
//! `hostkeys-prove-00@openssh.com` (OpenSSH's PROTOCOL, section 2.5).
//!
//! The monitor signs. What it signs it puts together itself, so all that can be got out of it is what any client may
//! have: the proof that a key of this host is one.

use ipc::phases::{LoggedInAnswer, LoggedInRequest};
use wire::{Reader, Write, msg};

use super::Connection;
use crate::serve::ending::Ending;
use crate::serve::monitor_link::{Asked, LinkError, MonitorLink};

/// Bytes of keys that are passed on in one request: the largest keys have 2 KiB.
const MOST_BYTES: usize = 64 * 1024;

/// How far the client is with our host keys.
#[derive(Debug, Default)]
pub(crate) struct HostKeys {
    /// How many it has been told of.
    announced: usize,
    /// The monitor is signing. Whether the client wants to hear of it.
    proving: Option<bool>,
}

impl HostKeys {
    /// The monitor must answer before another global request is looked at: replies come in the order of the requests.
    pub(super) fn wait_for_monitor(&self) -> bool {
        self.proving.is_some()
    }
}

impl Connection {
    /// Tells the client of all our host keys, by their blobs.
    pub(super) fn announce_host_keys(&mut self, blobs: &[Vec<u8>]) {
        self.host_keys.announced = blobs.len();
        if blobs.is_empty() {
            return;
        }
        self.outbox.add(|payload| {
            payload.put_u8(msg::SSH_MSG_GLOBAL_REQUEST);
            payload.put_string("hostkeys-00@openssh.com");
            payload.put_boolean(false);
            blobs.iter().for_each(|blob| payload.put_string(blob));
        });
    }

    /// The client wants proofs for some of them.
    pub(super) fn prove_host_keys(
        &mut self,
        mut keys: Reader<'_>,
        want_reply: bool,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let mut wanted = Vec::new();
        if keys.remaining() > MOST_BYTES {
            self.reply_to_global_request(want_reply, None);
            return Ok(());
        }
        while keys.remaining() > 0 {
            let key = keys.string().map_err(|why| Ending::malformed("global request", why))?;
            wanted.push(key.to_vec());
        }
        if wanted.is_empty() || wanted.len() > self.host_keys.announced {
            self.reply_to_global_request(want_reply, None);
            return Ok(());
        }
        link.ask(&LoggedInRequest::ProveHostKeys(wanted), Asked::HostKeyProofs)?;
        self.host_keys.proving = Some(want_reply);
        Ok(())
    }

    /// The monitor has signed, or it has not.
    pub(super) fn host_keys_proven(&mut self, answer: LoggedInAnswer) -> Result<(), LinkError> {
        let want_reply = self.host_keys.proving.take().ok_or(LinkError::Unasked)?;
        match answer {
            LoggedInAnswer::HostKeysProven(signatures) => {
                let mut proofs = Vec::new();
                signatures.iter().for_each(|signature| proofs.put_string(signature));
                self.reply_to_global_request(want_reply, Some(&proofs));
            }
            LoggedInAnswer::Refused { .. } => self.reply_to_global_request(want_reply, None),
            _ => return Err(LinkError::Unasked),
        }
        Ok(())
    }
}
