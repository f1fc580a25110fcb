//! From a payload to sealed bytes, or to the packets that wait for the end of a key exchange.

use wire::{Write, msg};

use crate::{
    Transport, TransportError,
    limits::{MOST_HELD_BACK, MOST_HELD_BACK_BEFORE_LOGIN},
    packets::PACKET_HEADER,
    transport::HeldBack,
};

impl Transport {
    /// Makes `payload` the output's draft.
    pub(crate) fn write_draft(&mut self, payload: &[u8]) {
        self.output.begin_draft(PACKET_HEADER);
        self.output.extend_draft(payload);
    }

    /// Seals the draft, or takes it out of the output if it has to wait.
    pub(crate) fn finish_draft(&mut self) {
        let Some(number) = self.output.draft().get(PACKET_HEADER).copied() else {
            return;
        };
        if self.ended.is_some() {
            return;
        }
        let sent = if goes_out_during_kex(number) || self.may_send_data() {
            self.note_packet("send", number);
            self.outgoing.seal(&mut self.output)
        } else {
            self.hold_draft_back()
        };
        if let Err(error) = sent {
            self.fail(error);
        }
    }

    fn hold_draft_back(&mut self) -> Result<(), TransportError> {
        let payload = self.output.draft().get(PACKET_HEADER..).unwrap_or_default();
        let cost = HeldBack::cost(payload);
        let most = if self.authenticated { MOST_HELD_BACK } else { MOST_HELD_BACK_BEFORE_LOGIN };
        if self.held_back.bytes.saturating_add(cost) > most {
            return Err(TransportError::TooMuchHeldBack);
        }
        self.held_back.bytes = self.held_back.bytes.saturating_add(cost);
        self.held_back.payloads.push(payload.into());
        Ok(())
    }

    /// Sends what had to wait, in its order.
    pub(crate) fn send_what_was_held_back(&mut self) {
        let held = std::mem::take(&mut self.held_back);
        for payload in &held.payloads {
            self.write_draft(payload.bytes());
            self.finish_draft();
        }
    }

    /// Sends a payload of the transport layer's own, and tells if that was impossible.
    pub(crate) fn send_own(&mut self, payload: &[u8]) -> Result<(), TransportError> {
        self.write_draft(payload);
        if let Some(number) = payload.first() {
            self.note_packet("send", *number);
        }
        self.outgoing.seal(&mut self.output)
    }

    /// SSH_MSG_EXT_INFO (RFC 8308 section 2.3) with everything that we announce.
    pub(crate) fn send_ext_info(&mut self) -> Result<(), TransportError> {
        let extensions = [
            ("server-sig-algs", self.settings.server_sig_algs.as_str()),
            ("publickey-hostbound@openssh.com", "0"),
            ("ping@openssh.com", "0"),
            ("agent-forward", "0"),
        ];
        self.details.note(1, || "Sending SSH2_MSG_EXT_INFO".to_owned());
        let payload = ext_info(&extensions);
        self.send_own(&payload)
    }

    /// Sends EXT_INFO with another `server-sig-algs`, if the client announced `ext-info-in-auth@openssh.com`: once the
    /// user is known, a Match block may have changed what is accepted. Nothing after login.
    pub fn update_server_sig_algs(&mut self, algorithms: &str) {
        if self.peer.wants_ext_info_in_auth && !self.authenticated {
            let payload = ext_info(&[("server-sig-algs", algorithms)]);
            self.send(&payload);
        }
    }
}

fn ext_info(extensions: &[(&str, &str)]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(512);
    payload.put_u8(msg::SSH_MSG_EXT_INFO);
    payload.put_u32(u32::try_from(extensions.len()).unwrap_or(0));
    for (name, value) in extensions {
        payload.put_string(name);
        payload.put_string(value);
    }
    payload
}

/// RFC 4253 section 7.1: between our KEXINIT and NEWKEYS only the transport layer's messages go out, and of these not
/// the ones about services.
fn goes_out_during_kex(number: u8) -> bool {
    match number {
        msg::SSH_MSG_SERVICE_REQUEST | msg::SSH_MSG_SERVICE_ACCEPT | msg::SSH_MSG_EXT_INFO => false,
        _ => number < msg::SSH_MSG_USERAUTH_REQUEST,
    }
}
