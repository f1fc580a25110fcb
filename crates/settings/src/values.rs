//! The kinds of values, each in its own small file.

mod accounts;
mod algorithm_list;
mod authentication_methods;
mod channel_timeout;
mod choices;
mod environment;
mod event_log;
mod ip_qos;
mod jail;
mod limits;
mod listen;
mod numbers;
mod paths;
mod penalties;
mod permits;
mod ports;
mod pubkey_options;
mod rekey_limit;
mod startups;
mod subsystem;
mod time;
mod words;

pub use accounts::{AccountPatterns, UserPatterns};
pub use algorithm_list::{
    Algorithms, CaSignatureList, CipherList, HostKeyList, HostbasedList, KexList, MacList, PubkeyList,
};
pub use authentication_methods::{AuthenticationMethods, Method, MethodList, MethodStep};
pub use channel_timeout::{ChannelTimeout, ChannelTimeouts};
pub use choices::{
    AddressFamily, Choice, Compression, FingerprintHash, Forwarding, GatewayPorts, IgnoreRhosts, LastOneOf, LogLevel,
    OneOf, PermitRootLogin, SyslogFacility, Tunnel, YesNo,
};
pub use environment::{EnvironmentAssignments, EnvironmentPatterns, PermitUserEnvironment, UserEnvironment};
pub use event_log::{EventLog, OptionalEventLog};
pub use ip_qos::{Dscp, IpQos, ServiceClasses};
pub use jail::JailPath;
pub use limits::{OptionalCount, OptionalRate};
pub use listen::{ListenAddress, ListenAddresses, shown_socket};
pub use numbers::{Number, Octal, number};
pub use paths::{
    AgentPath, ExpandedPath, FilePath, KeyPaths, OptionalPath, PathList, ProviderPath, WrittenPath, absolute,
    expand_tilde,
};
pub use penalties::{Overflow, Penalties, PerSourcePenalties};
pub use permits::{PermitListen, PermitListens, PermitOpens};
pub use ports::{PortList, port_number};
pub use pubkey_options::{PubkeyAuthOptions, PubkeyOptions};
pub use rekey_limit::{RekeyLimit, RekeyLimits};
pub use startups::{MaxPerSource, MaxStartups, NetBlockSize, NetBlocks, Startups};
pub use subsystem::{Subsystem, Subsystems};
pub use time::{OptionalTime, Seconds, Time, parse_seconds};
pub use words::{AddressList, OptionalWord, RawAddendum, RawLine, RawProgram, SoftwareVersion, VerboseList, Word};
