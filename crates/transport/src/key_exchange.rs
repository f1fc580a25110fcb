//! The key exchange, step by step, in the order of its messages (RFC 4253 sections 7 and 8, RFC 4419 section 3, RFC 5656
//! section 4).

use aws_lc_rs::rand;
use wire::{Reader, WireError, Write, msg};

use crate::{
    Event, ModpGroup, Transport, TransportError,
    kex::{
        ExchangedGroup, HashInput, KeySource, PrimeSizes, exchange_hash,
        progress::{Exchange, GroupWanted, Negotiation, ToBeSigned},
    },
    limits::LARGEST_KEXINIT,
    negotiate::{self, Agreed, find_host_key, negotiate},
    packets::Opened,
    receiving::malformed,
    transport::Happening,
};

impl Transport {
    /// Sends KEXINIT, unless a key exchange is under way already or none has happened yet.
    pub fn start_rekey(&mut self) {
        let may_start = self.session_id.is_some() && matches!(self.exchange, Exchange::None);
        if may_start
            && self.ended.is_none()
            && !self.waits_for_hand_over()
            && let Err(error) = self.send_kexinit()
        {
            self.fail(error);
        }
    }

    pub(crate) fn send_kexinit(&mut self) -> Result<(), TransportError> {
        let mut cookie = [0; 16];
        rand::fill(&mut cookie).map_err(|_| TransportError::CryptoFailed { what: "making a cookie" })?;
        let ours = negotiate::our_kexinit(&self.settings, cookie, self.session_id.is_none());
        self.send_own(&ours)?;
        self.details.note(1, || "SSH2_MSG_KEXINIT sent".to_owned());
        self.exchange = Exchange::OurKexinitSent { ours };
        Ok(())
    }

    /// The client's KEXINIT: everything is agreed on with it.
    pub(crate) fn take_kexinit(&mut self, opened: &Opened) -> Result<(), TransportError> {
        let theirs = self.incoming.payload(&self.input, opened);
        if theirs.len() > LARGEST_KEXINIT {
            return Err(TransportError::KexinitTooLong { length: theirs.len() });
        }
        let theirs = theirs.to_vec();
        self.note_both_proposals(&theirs);
        let agreed = Box::new(negotiate(&self.settings, &theirs)?);
        self.note_agreement(&agreed.names);
        if self.session_id.is_none() {
            self.take_first_signals(&agreed, opened)?;
        }
        if matches!(self.exchange, Exchange::None) {
            self.send_kexinit()?;
        }
        let Exchange::OurKexinitSent { ours } = std::mem::take(&mut self.exchange) else {
            return Err(TransportError::UnexpectedMessage { number: opened.number, when: "twice" });
        };
        let exchanges_group = agreed.method.exchanges_group();
        let negotiation = Box::new(Negotiation { ours, theirs, agreed });
        self.exchange = if exchanges_group {
            Exchange::AwaitingGroupRequest(negotiation)
        } else {
            Exchange::AwaitingPublicValue { negotiation, exchanged_group: None }
        };
        Ok(())
    }

    /// Also of those that come to nothing: then somebody needs to see them.
    fn note_both_proposals(&mut self, theirs: &[u8]) {
        self.details.note(1, || "SSH2_MSG_KEXINIT received".to_owned());
        if !self.details.wants(2) {
            return;
        }
        let ours = match &self.exchange {
            Exchange::OurKexinitSent { ours } => ours.clone(),
            _ => negotiate::our_kexinit(&self.settings, [0; 16], self.session_id.is_none()),
        };
        self.note_proposal("local server", &ours);
        self.note_proposal("peer client", theirs);
    }

    /// The names in the client's first list that are no methods. Later they mean nothing.
    fn take_first_signals(&mut self, agreed: &Agreed, opened: &Opened) -> Result<(), TransportError> {
        self.peer.is_strict = agreed.client_is_strict;
        self.peer.wants_ext_info = agreed.client_wants_ext_info;
        if self.peer.is_strict {
            self.details.note(3, || "kex_choose_conf: will use strict KEX ordering".to_owned());
        }
        if self.peer.is_strict && opened.sequence != 0 {
            return Err(TransportError::StrictKexinitNotFirst);
        }
        Ok(())
    }

    /// A message of the method that was agreed on.
    pub(crate) fn take_method_message(&mut self, opened: &Opened) -> Result<Option<Happening>, TransportError> {
        if self.skips_wrong_guess() {
            return Ok(None);
        }
        let unexpected = TransportError::UnexpectedMessage { number: opened.number, when: self.exchange.in_words() };
        match (std::mem::take(&mut self.exchange), opened.number) {
            (Exchange::AwaitingGroupRequest(negotiation), msg::SSH_MSG_KEX_DH_GEX_REQUEST) => {
                self.take_group_request(negotiation, opened).map(Some)
            }
            (Exchange::AwaitingPublicValue { negotiation, exchanged_group: None }, msg::SSH_MSG_KEX_ECDH_INIT) => {
                self.take_public_value(*negotiation, None, opened).map(Some)
            }
            (Exchange::AwaitingPublicValue { negotiation, exchanged_group }, msg::SSH_MSG_KEX_DH_GEX_INIT)
                if exchanged_group.is_some() =>
            {
                self.take_public_value(*negotiation, exchanged_group.as_deref(), opened).map(Some)
            }
            _ => Err(unexpected),
        }
    }

    /// RFC 4253 section 7: a packet sent on a wrong guess is ignored.
    fn skips_wrong_guess(&mut self) -> bool {
        match &mut self.exchange {
            Exchange::AwaitingGroupRequest(negotiation) | Exchange::AwaitingPublicValue { negotiation, .. } => {
                std::mem::take(&mut negotiation.agreed.skip_guess)
            }
            _ => false,
        }
    }

    /// SSH_MSG_KEX_DH_GEX_REQUEST (RFC 4419 section 3).
    fn take_group_request(
        &mut self,
        negotiation: Box<Negotiation>,
        opened: &Opened,
    ) -> Result<Happening, TransportError> {
        let sizes = parse_prime_sizes(self.fields(opened)).map_err(malformed(opened))?;
        let served = sizes.served()?;
        self.exchange = Exchange::AwaitingGroup(Box::new(GroupWanted { negotiation, sizes, served, asked: true }));
        Ok(Happening::ChooseGroup(served))
    }

    /// The answer to [`Event::ChooseGroup`]; `None` if there is nothing to choose from, then a numbered group is taken.
    pub fn group(&mut self, chosen: Option<ModpGroup>) -> Result<(), TransportError> {
        if self.ended.is_some() || !matches!(self.exchange, Exchange::AwaitingGroup(_)) {
            return Err(TransportError::GroupNotWanted);
        }
        let Exchange::AwaitingGroup(wanted) = std::mem::take(&mut self.exchange) else {
            return Err(TransportError::GroupNotWanted);
        };
        let GroupWanted { negotiation, sizes, served, .. } = *wanted;
        let group = chosen.unwrap_or_else(|| served.fallback());
        let mut message = Vec::with_capacity(1100);
        message.put_u8(msg::SSH_MSG_KEX_DH_GEX_GROUP);
        message.put_mpint(&group.prime);
        message.put_mpint(&group.generator);
        let exchanged_group = Some(Box::new(ExchangedGroup { sizes, group }));
        self.exchange = Exchange::AwaitingPublicValue { negotiation, exchanged_group };
        self.send_own(&message).inspect_err(|error| self.fail(error.clone()))
    }

    /// The client's public value: ours, the shared secret and the exchange hash are made.
    fn take_public_value(
        &mut self,
        Negotiation { ours, theirs, agreed }: Negotiation,
        exchanged_group: Option<&ExchangedGroup>,
        opened: &Opened,
    ) -> Result<Happening, TransportError> {
        let mut fields = self.fields(opened);
        let client_value = fields.string().map_err(malformed(opened))?;
        fields.finish().map_err(malformed(opened))?;

        let answer = agreed.method.answer(client_value, exchanged_group)?;
        let host_key = find_host_key(&self.settings, &agreed.names.host_key).ok_or(NO_HOST_KEY)?;
        let hash = exchange_hash(
            agreed.method,
            &HashInput {
                client_version: self.peer.identification.as_deref().unwrap_or_default(),
                server_version: self.settings.software_version.as_bytes(),
                client_kexinit: &theirs,
                server_kexinit: &ours,
                host_key: &host_key.blob,
                exchanged_group,
                client_value,
                server_value: &answer.public_value,
                shared_secret: &answer.shared_secret,
            },
        );
        let reply_number =
            if exchanged_group.is_some() { msg::SSH_MSG_KEX_DH_GEX_REPLY } else { msg::SSH_MSG_KEX_ECDH_REPLY };
        self.exchange = Exchange::AwaitingSignature(Box::new(ToBeSigned {
            agreed,
            reply_number,
            server_value: answer.public_value,
            shared_secret: answer.shared_secret,
            exchange_hash: hash,
            asked: true,
        }));
        Ok(Happening::SignExchangeHash)
    }

    /// What the owner has to be asked for and does not know of yet.
    pub(crate) fn ask_the_owner(&mut self) -> Option<Happening> {
        match &mut self.exchange {
            Exchange::AwaitingSignature(waiting) => {
                (!std::mem::replace(&mut waiting.asked, true)).then_some(Happening::SignExchangeHash)
            }
            Exchange::AwaitingGroup(waiting) => {
                (!std::mem::replace(&mut waiting.asked, true)).then_some(Happening::ChooseGroup(waiting.served))
            }
            _ => None,
        }
    }

    pub(crate) fn signature_wanted(&self) -> Event<'_> {
        match &self.exchange {
            Exchange::AwaitingSignature(waiting) => Event::SignExchangeHash {
                host_key: waiting.agreed.host_key_index,
                algorithm: &waiting.agreed.names.host_key,
                exchange_hash: &waiting.exchange_hash,
            },
            // Never: the event is made in that stage only. A debug line is the mildest thing to say.
            _ => Event::Debug { text: "no signature is wanted" },
        }
    }

    /// The answer to [`Event::SignExchangeHash`]: the signature blob (RFC 4253 section 6.6: string algorithm, string
    /// signature). Sends the reply and NEWKEYS, then EXT_INFO and what was held back.
    pub fn signature(&mut self, signature_blob: &[u8]) -> Result<(), TransportError> {
        if self.ended.is_some() || !matches!(self.exchange, Exchange::AwaitingSignature(_)) {
            return Err(TransportError::SignatureNotWanted);
        }
        let Exchange::AwaitingSignature(waiting) = std::mem::take(&mut self.exchange) else {
            return Err(TransportError::SignatureNotWanted);
        };
        self.finish_our_part(&waiting, signature_blob).inspect_err(|error| self.fail(error.clone()))
    }

    fn finish_our_part(&mut self, signed: &ToBeSigned, signature_blob: &[u8]) -> Result<(), TransportError> {
        let agreed = &signed.agreed;
        let host_key = find_host_key(&self.settings, &agreed.names.host_key).ok_or(NO_HOST_KEY)?;
        let mut reply = Vec::with_capacity(4096);
        reply.put_u8(signed.reply_number);
        reply.put_string(&host_key.blob);
        reply.put_string(&signed.server_value);
        reply.put_string(signature_blob);
        self.send_own(&reply)?;
        self.send_own(&[msg::SSH_MSG_NEWKEYS])?;
        self.note_new_keys();

        let is_first = self.session_id.is_none();
        let session_id = self.session_id.get_or_insert_with(|| signed.exchange_hash.clone());
        let source = KeySource {
            method: agreed.method,
            shared_secret: &signed.shared_secret,
            exchange_hash: &signed.exchange_hash,
            session_id,
        };
        let incoming = source.client_to_server(agreed.incoming.cipher, agreed.incoming.mac);
        let outgoing = source.server_to_client(agreed.outgoing.cipher, agreed.outgoing.mac);
        self.outgoing.direction.switch_to(outgoing, self.peer.is_strict, agreed.outgoing.compresses)?;
        self.begin_compression_if_due();
        self.exchange = Exchange::AwaitingNewKeys { agreed: agreed.clone(), incoming: Box::new(incoming) };

        if is_first && self.peer.wants_ext_info {
            self.send_ext_info()?;
        }
        self.send_what_was_held_back();
        Ok(())
    }

    fn note_new_keys(&mut self) {
        if self.session_id.is_some() {
            let (incoming, outgoing) = (&self.incoming.direction.position, &self.outgoing.direction.position);
            self.details.note(1, || {
                format!("set_newkeys: rekeying, input {} bytes, output {} bytes", incoming.bytes, outgoing.bytes)
            });
        }
        self.details.note(1, || "SSH2_MSG_NEWKEYS sent".to_owned());
    }

    /// The client's NEWKEYS: from the next packet on it uses the new keys too.
    pub(crate) fn take_new_keys(&mut self, opened: &Opened) -> Result<Happening, TransportError> {
        self.fields(opened).finish().map_err(malformed(opened))?;
        let Exchange::AwaitingNewKeys { agreed, incoming } = std::mem::take(&mut self.exchange) else {
            return Err(TransportError::UnexpectedMessage { number: opened.number, when: self.exchange.in_words() });
        };
        let first = self.incoming.direction.keys.is_none();
        self.incoming.direction.switch_to(*incoming, self.peer.is_strict, agreed.incoming.compresses)?;
        self.begin_compression_if_due();
        self.details.note(1, || "SSH2_MSG_NEWKEYS received".to_owned());
        self.negotiated = Some(agreed.names);
        self.host_key_index = Some(agreed.host_key_index);
        self.rekey_clock.restart();
        Ok(Happening::NewKeys { first })
    }
}

const NO_HOST_KEY: TransportError = TransportError::CryptoFailed { what: "finding the host key" };

fn parse_prime_sizes(mut fields: Reader<'_>) -> Result<PrimeSizes, WireError> {
    let sizes = PrimeSizes { minimum: fields.u32()?, wanted: fields.u32()?, maximum: fields.u32()? };
    fields.finish()?;
    Ok(sizes)
}
