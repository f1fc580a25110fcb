//! `hostkeys-prove-00@openssh.com`: a client has been told of our host keys and wants to know that they are ours.

use ipc::phases::LoggedInAnswer;

use super::{Answer, Over, Refusal, ServedLogin, not_signed, refused};

/// Keys that one connection may have proven, in multiples of those that there are: clients ask once.
const MOST_ROUNDS: usize = 8;

impl ServedLogin {
    /// Signs for each key, if all of them are ours. What is signed can be nothing else: see
    /// [`crate::host_keys::HostKeys::prove`]. Each signature costs time, so they are counted.
    pub(super) fn prove_host_keys(&mut self, keys: &[Vec<u8>]) -> Result<Answer, Over> {
        let ours = self.connection.host_keys.public_blobs();
        self.proofs = self.proofs.saturating_add(keys.len());
        if keys.len() > ours.len() || self.proofs > ours.len().saturating_mul(MOST_ROUNDS) {
            return Ok(refused(Refusal::new("too many host keys are to be proven")));
        }
        let mut signatures = Vec::new();
        for key in keys {
            match self.connection.host_keys.prove(key, &self.exchange) {
                Some(signature) => signatures.push(signature.map_err(not_signed)?),
                None => return Ok(refused(Refusal::new("a key that is to be proven is no host key of ours"))),
            }
        }
        Ok((LoggedInAnswer::HostKeysProven(signatures), Vec::new()))
    }
}
