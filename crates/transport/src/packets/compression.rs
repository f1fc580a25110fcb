//! `zlib@openssh.com`: zlib (RFC 4253 section 6.2) that starts after login. Each direction is one stream from the
//! moment of login, or of the keys in use, on; each packet ends with a partial flush. It exists only in a process that
//! took the connection over from the one before login.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::PACKET_HEADER;
use crate::{TransportError, buffer::Buffer};

/// zlib's own default.
const LEVEL: u32 = 6;

/// Output grows by this many bytes at a time.
const GROWTH: usize = 16 * 1024;

fn bad(why: &'static str) -> TransportError {
    TransportError::BadCompression { why }
}

/// The sending direction's stream.
#[derive(Debug)]
pub(crate) struct Deflater {
    stream: Compress,
    payload: Vec<u8>,
}

impl Default for Deflater {
    fn default() -> Self {
        Self { stream: Compress::new(Compression::new(LEVEL), true), payload: Vec::new() }
    }
}

impl Deflater {
    /// Replaces the payload of the output's draft by its compressed form.
    pub(crate) fn deflate_draft(&mut self, output: &mut Buffer) -> Result<(), TransportError> {
        self.payload.clear();
        self.deflate(output.draft().get(PACKET_HEADER..).unwrap_or_default())?;
        output.cut_draft(PACKET_HEADER);
        output.extend_draft(&self.payload);
        Ok(())
    }

    fn deflate(&mut self, plain: &[u8]) -> Result<(), TransportError> {
        let mut rest = plain;
        loop {
            self.payload.reserve(GROWTH);
            let before = self.stream.total_in();
            self.stream
                .compress_vec(rest, &mut self.payload, FlushCompress::Partial)
                .map_err(|_| TransportError::CryptoFailed { what: "compressing a packet" })?;
            let taken = usize::try_from(self.stream.total_in().saturating_sub(before)).unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            // Room left over means that the flush is complete.
            if rest.is_empty() && self.payload.len() < self.payload.capacity() {
                return Ok(());
            }
        }
    }
}

/// The receiving direction's stream.
#[derive(Debug)]
pub(crate) struct Inflater {
    stream: Decompress,
    payload: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { stream: Decompress::new(true), payload: Vec::new() }
    }
}

impl Inflater {
    /// The latest packet's payload.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Inflates one packet's payload to at most `largest` bytes; says the message's number.
    pub(crate) fn inflate(&mut self, compressed: &[u8], largest: usize) -> Result<u8, TransportError> {
        self.payload.clear();
        self.payload.shrink_to(GROWTH.saturating_mul(4));
        let mut rest = compressed;
        loop {
            // One byte beyond the bound shows that there is more.
            let allowed = largest.saturating_add(1).saturating_sub(self.payload.len());
            let before = (self.stream.total_in(), self.payload.len());
            let status = self.inflate_some(rest, allowed)?;
            let taken = usize::try_from(self.stream.total_in().saturating_sub(before.0)).unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            if self.payload.len() > largest {
                return Err(bad("it grows beyond the largest packet"));
            }
            if status == Status::StreamEnd {
                return Err(bad("the stream ends"));
            }
            if rest.is_empty() && self.payload.len() < self.payload.capacity() {
                return self.payload.first().copied().ok_or(bad("it is empty"));
            }
            if taken == 0 && self.payload.len() == before.1 {
                return Err(bad("the stream does not go on"));
            }
        }
    }

    fn inflate_some(&mut self, compressed: &[u8], allowed: usize) -> Result<Status, TransportError> {
        self.payload.reserve_exact(GROWTH.min(allowed));
        self.stream
            .decompress_vec(compressed, &mut self.payload, FlushDecompress::Sync)
            .map_err(|_| bad("the stream is broken"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deflated(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
        deflater.payload.clear();
        deflater.deflate(payload).unwrap();
        deflater.payload.clone()
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut deflater = Deflater::default();
        let bomb = deflated(&mut deflater, &vec![94; 10_000_000]);
        assert!(bomb.len() < 20_000);
        let refused = Inflater::default().inflate(&bomb, 256 * 1024);
        assert_eq!(refused, Err(bad("it grows beyond the largest packet")));
        let fits = deflated(&mut Deflater::default(), &vec![94; 256 * 1024]);
        assert_eq!(Inflater::default().inflate(&fits, 256 * 1024), Ok(94));
        assert!(Inflater::default().inflate(&fits, 256 * 1024 - 1).is_err());
    }

    #[test]
    fn broken_and_ended_streams_are_refused() {
        assert!(Inflater::default().inflate(b"garbage", 1000).is_err());
        assert!(Inflater::default().inflate(b"", 1000).is_err());
        let mut ended = Vec::with_capacity(100);
        Compress::new(Compression::new(6), true).compress_vec(b"xyz", &mut ended, FlushCompress::Finish).unwrap();
        assert_eq!(Inflater::default().inflate(&ended, 1000), Err(bad("the stream ends")));
    }

    proptest! {
        #[test]
        fn each_packet_can_be_read_alone(payloads in prop::collection::vec(prop::collection::vec(0u8..4, 1..70_000), 1..6)) {
            let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
            for payload in payloads {
                let compressed = deflated(&mut deflater, &payload);
                prop_assert_eq!(inflater.inflate(&compressed, 1 << 18), Ok(payload[0]));
                prop_assert_eq!(inflater.payload(), &payload[..]);
            }
        }
    }
}
