//! Every number that bounds what a peer can make this side do, with its reason.
//!
//! Before login a connection's buffers cost at most twice [`LARGEST_PACKET_BEFORE_LOGIN`] for input and twice
//! [`MOST_UNSENT_BEFORE_LOGIN`] and the largest answer for output ("twice": memory grows by doubling), and
//! [`MOST_HELD_BACK_BEFORE_LOGIN`]; then there are two KEXINITs and the secrets of one key exchange. Together that is
//! below 400 KiB.

/// The longest identification line, without CR LF, in bytes. RFC 4253 section 4.2 says 255; deployed servers read 8192.
pub const LONGEST_IDENTIFICATION: usize = 8192;

/// packet_length before login, in bytes: RFC 4253 section 6.1 asks for 35000 in total, and nothing that an
/// unauthenticated client may say needs more.
pub const LARGEST_PACKET_BEFORE_LOGIN: usize = 35_000;

/// packet_length after login, in bytes: what deployed peers take.
pub const LARGEST_PACKET: usize = 256 * 1024;

/// The smallest packet_length: padding_length, one byte of payload and [`SMALLEST_PADDING`] make 6; peers of the last
/// twenty years have refused what is below 5.
pub const SMALLEST_PACKET: usize = 5;

/// RFC 4253 section 6: at least four bytes of padding.
pub const SMALLEST_PADDING: usize = 4;

/// Bytes that wait for a peer that does not read, before login: no packet is opened while more are pending.
/// A KEXINIT with every algorithm and the largest key exchange reply are below 4 KiB.
pub const MOST_UNSENT_BEFORE_LOGIN: usize = 64 * 1024;

/// The same after login: eight full packets of channel data. Callers stop adding data much earlier
/// (at about 256 KiB), so that answers always have room.
pub const MOST_UNSENT: usize = 2 * 1024 * 1024;

/// Payload bytes held back while a key exchange keeps them from being sent. Data does not wait here
/// ([`crate::Transport::may_send_data`]); what waits are answers to a peer that keeps talking without answering our
/// KEXINIT (compare CVE-2025-26466), and then the connection ends.
pub const MOST_HELD_BACK: usize = 256 * 1024;

/// The same before login, when nobody but the peer begins key exchanges.
pub const MOST_HELD_BACK_BEFORE_LOGIN: usize = 32 * 1024;

/// The longest KEXINIT of a peer that is kept for the exchange hash, in bytes.
pub const LARGEST_KEXINIT: usize = 16 * 1024;

/// Extensions in a client's EXT_INFO; each costs nothing but time.
pub const MOST_EXTENSIONS: u32 = 1024;

/// Packets of one direction under the same keys after which new keys are due: half of what the sequence number can
/// count (RFC 4344 section 3.1 demands a rekey within 2³²).
pub const PACKETS_BEFORE_REKEY: u64 = 1 << 31;

/// Packets of one direction under the same keys that cannot be exceeded: the sequence number would repeat.
pub const PACKETS_UNDER_ONE_KEY: u64 = (1 << 32) - 1;

/// An idle connection's buffer, in bytes, each direction.
pub const IDLE_BUFFER: usize = 4 * 1024;

/// The input buffer of a busy connection after login, in bytes: eight packets of channel data per read(2).
pub const BUSY_INPUT: usize = 256 * 1024 + 1024;
