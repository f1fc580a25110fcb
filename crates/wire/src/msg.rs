//! Message numbers (RFC 4250 section 4.1.2 and the extensions named beside them).
#![allow(missing_docs)] // a number's name is its documentation: each is spelt as in its RFC

// Transport, generic
pub const SSH_MSG_DISCONNECT: u8 = 1;
pub const SSH_MSG_IGNORE: u8 = 2;
pub const SSH_MSG_UNIMPLEMENTED: u8 = 3;
pub const SSH_MSG_DEBUG: u8 = 4;
pub const SSH_MSG_SERVICE_REQUEST: u8 = 5;
pub const SSH_MSG_SERVICE_ACCEPT: u8 = 6;
/// RFC 8308
pub const SSH_MSG_EXT_INFO: u8 = 7;
// Transport, key exchange
pub const SSH_MSG_KEXINIT: u8 = 20;
pub const SSH_MSG_NEWKEYS: u8 = 21;
/// RFC 5656: SSH_MSG_KEX_ECDH_INIT; RFC 4253: SSH_MSG_KEXDH_INIT
pub const SSH_MSG_KEX_ECDH_INIT: u8 = 30;
pub const SSH_MSG_KEX_ECDH_REPLY: u8 = 31;
/// Group exchange (RFC 4419)
pub const SSH_MSG_KEX_DH_GEX_GROUP: u8 = 31;
pub const SSH_MSG_KEX_DH_GEX_INIT: u8 = 32;
pub const SSH_MSG_KEX_DH_GEX_REPLY: u8 = 33;
pub const SSH_MSG_KEX_DH_GEX_REQUEST: u8 = 34;
// Authentication (RFC 4252)
pub const SSH_MSG_USERAUTH_REQUEST: u8 = 50;
pub const SSH_MSG_USERAUTH_FAILURE: u8 = 51;
pub const SSH_MSG_USERAUTH_SUCCESS: u8 = 52;
pub const SSH_MSG_USERAUTH_BANNER: u8 = 53;
pub const SSH_MSG_USERAUTH_PK_OK: u8 = 60;
/// RFC 4256
pub const SSH_MSG_USERAUTH_INFO_REQUEST: u8 = 60;
pub const SSH_MSG_USERAUTH_INFO_RESPONSE: u8 = 61;
/// RFC 4462
pub const SSH_MSG_USERAUTH_GSSAPI_RESPONSE: u8 = 60;
pub const SSH_MSG_USERAUTH_GSSAPI_TOKEN: u8 = 61;
pub const SSH_MSG_USERAUTH_GSSAPI_ERRTOK: u8 = 65;
pub const SSH_MSG_USERAUTH_GSSAPI_MIC: u8 = 66;
// Connection (RFC 4254)
pub const SSH_MSG_GLOBAL_REQUEST: u8 = 80;
pub const SSH_MSG_REQUEST_SUCCESS: u8 = 81;
pub const SSH_MSG_REQUEST_FAILURE: u8 = 82;
pub const SSH_MSG_CHANNEL_OPEN: u8 = 90;
pub const SSH_MSG_CHANNEL_OPEN_CONFIRMATION: u8 = 91;
pub const SSH_MSG_CHANNEL_OPEN_FAILURE: u8 = 92;
pub const SSH_MSG_CHANNEL_WINDOW_ADJUST: u8 = 93;
pub const SSH_MSG_CHANNEL_DATA: u8 = 94;
pub const SSH_MSG_CHANNEL_EXTENDED_DATA: u8 = 95;
pub const SSH_MSG_CHANNEL_EOF: u8 = 96;
pub const SSH_MSG_CHANNEL_CLOSE: u8 = 97;
pub const SSH_MSG_CHANNEL_REQUEST: u8 = 98;
pub const SSH_MSG_CHANNEL_SUCCESS: u8 = 99;
pub const SSH_MSG_CHANNEL_FAILURE: u8 = 100;
/// `ping@openssh.com`
pub const SSH_MSG_PING: u8 = 192;
/// `ping@openssh.com`
pub const SSH_MSG_PONG: u8 = 193;

// Reasons of SSH_MSG_DISCONNECT (RFC 4253 section 11.1)
pub const SSH_DISCONNECT_PROTOCOL_ERROR: u32 = 2;
pub const SSH_DISCONNECT_KEY_EXCHANGE_FAILED: u32 = 3;
pub const SSH_DISCONNECT_MAC_ERROR: u32 = 5;
pub const SSH_DISCONNECT_SERVICE_NOT_AVAILABLE: u32 = 7;
pub const SSH_DISCONNECT_PROTOCOL_VERSION_NOT_SUPPORTED: u32 = 8;
pub const SSH_DISCONNECT_CONNECTION_LOST: u32 = 10;
pub const SSH_DISCONNECT_BY_APPLICATION: u32 = 11;
pub const SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE: u32 = 14;

// Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1)
pub const SSH_OPEN_ADMINISTRATIVELY_PROHIBITED: u32 = 1;
pub const SSH_OPEN_CONNECT_FAILED: u32 = 2;
pub const SSH_OPEN_UNKNOWN_CHANNEL_TYPE: u32 = 3;
pub const SSH_OPEN_RESOURCE_SHORTAGE: u32 = 4;
/// RFC 4254 section 5.2
pub const SSH_EXTENDED_DATA_STDERR: u32 = 1;
