//! SSH_MSG_GLOBAL_REQUEST (RFC 4254 section 4).

use wire::{Reader, Write, msg};

use super::Connection;
use super::listening::{path_listener, tcp_listener};
use crate::serve::ending::Ending;
use crate::serve::monitor_link::MonitorLink;

impl Connection {
    /// Replies have no number: they come in the order of the requests. While the monitor works on one, no other is
    /// looked at.
    pub(super) fn global_request(&mut self, mut reader: Reader<'_>, link: &mut MonitorLink) -> Result<(), Ending> {
        let malformed = |why| Ending::malformed("global request", why);
        let name = reader.string().map_err(malformed)?;
        let want_reply = reader.boolean().map_err(malformed)?;
        let success = match name {
            b"tcpip-forward" => {
                return Ok(self.listen(tcp_listener(reader).map_err(malformed)?, want_reply, link)?);
            }
            b"streamlocal-forward@openssh.com" => {
                return Ok(self.listen(path_listener(reader).map_err(malformed)?, want_reply, link)?);
            }
            b"cancel-tcpip-forward" => self.stop_listening(&tcp_listener(reader).map_err(malformed)?, link)?,
            b"cancel-streamlocal-forward@openssh.com" => {
                self.stop_listening(&path_listener(reader).map_err(malformed)?, link)?
            }
            b"hostkeys-prove-00@openssh.com" => return self.prove_host_keys(reader, want_reply, link),
            b"no-more-sessions@openssh.com" => {
                self.no_more_sessions = true;
                true
            }
            // `keepalive@openssh.com` asks for nothing but an answer, and this is one.
            _ => false,
        };
        self.reply_to_global_request(want_reply, success.then_some(&[]));
        Ok(())
    }

    /// SSH_MSG_REQUEST_SUCCESS with what the request's answer holds, or SSH_MSG_REQUEST_FAILURE.
    pub(super) fn reply_to_global_request(&mut self, want_reply: bool, success: Option<&[u8]>) {
        if !want_reply {
            return;
        }
        self.outbox.add(|payload| match success {
            Some(holds) => {
                payload.put_u8(msg::SSH_MSG_REQUEST_SUCCESS);
                payload.put_bytes(holds);
            }
            None => payload.put_u8(msg::SSH_MSG_REQUEST_FAILURE),
        });
    }
}
