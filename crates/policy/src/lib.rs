//! Who may log in, with what, and what that login may do: pure functions over facts.
//!
//! Nothing here reads a file, asks the system or knows the time: the monitor gathers facts, these functions decide, and
//! every decision comes with the [`Step`]s that led to it. The live login and the dry run call the same functions, in
//! this order:
//!
//! | when | function |
//! |---|---|
//! | a user is named | [`account_gates`], [`MethodsToDo::new`] |
//! | a key or certificate is offered, before it is parsed | [`offered_credential`] |
//! | it is offered or has signed | [`not_revoked`], [`public_key`] |
//! | a host's key has signed for its user | [`offered_host`], [`not_revoked`], [`hostbased`], [`hostbased_signed`] |
//! | a file lists keys or principals | [`authorized_keys_files`], [`authorized_principals_files`], [`strict_modes`] |
//! | Kerberos tickets have proven a principal | [`tickets_proven`] |
//! | its signature has been verified | [`public_key_signed`], [`MethodsToDo::succeeded`] |
//! | a password or a dialogue has proven something | [`unrestricted_proof`], [`MethodsToDo::succeeded`] |
//! | an attempt has failed | [`failure_delay`], [`remaining_delay`] |
//! | the login is complete | [`grants`], [`chroot_directory`], [`chroot_components`], [`sftp_jail`], [`link_to_jail`] |
//! | something is to be forwarded | [`Grants::connects_to`] and its like, [`bind_to`] |
#![forbid(unsafe_code)]

mod account;
mod chroot;
mod delay;
mod environment;
mod facts;
mod forwarding;
mod grants;
mod hostbased;
mod jail;
mod login_count;
mod methods;
mod password_age;
mod public_key;
mod refusal;
mod restrictions;
mod revoked;
mod root;
mod step;
mod strict_modes;
mod tickets;
mod tokens;
mod verdict;

pub use account::account_gates;
pub use chroot::{ComponentFacts, ComponentUnreachable, chroot_components, components_of};
pub use delay::{failure_delay, remaining_delay};
pub use environment::{UserVariables, accepts_client_variable, key_environment, user_environment};
pub use facts::{AccountFacts, ConnectionFacts, Now, PathFacts, PathKind, ShellState};
pub use forwarding::{BindTo, NoForwarding, TunnelLayer, bind_to, is_x11_authentication};
pub use grants::{ForwardingGrant, Grants, TunnelGrant, grants, internal_sftp_arguments};
pub use hostbased::{
    HostAllowed, HostOffer, HostbasedRefusal, HostbasedStep, NetgroupMember, TrustFile, TrustOwner, TrustSources,
    TrustText, host_algorithm_accepted, hostbased, hostbased_signed, offered_host,
};
pub use jail::{forces_internal_sftp, jail_opened, link_to_jail, sftp_jail};
pub use login_count::another_login;
pub use methods::{MethodsToDo, NoMethodsLeft, Progress};
pub use password_age::{PasswordAge, PasswordDays, password_age};
pub use public_key::{
    CertificateRefusal, CertificateStep, KeyAllowed, KeyFile, KeyOffer, Lists, algorithm_accepted,
    credential_in_attempts, fingerprint_hash, offered_credential, public_key, public_key_if_signed, public_key_signed,
};
pub use refusal::{ListRefusal, Refusal, SignatureDemand};
pub use restrictions::{ForcedBy, ForcedCommand, Restrictions, TunnelLimit, TwoForcedCommands};
pub use revoked::not_revoked;
pub use root::{root_login, unrestricted_proof};
pub use step::{AccountListKeyword, Step};
pub use strict_modes::strict_modes;
pub use tickets::tickets_proven;
pub use tokens::{TokenError, Tokens, authorized_keys_files, authorized_principals_files, chroot_directory};
pub use verdict::{Verdict, Weight};
