//! The decisions as a whole, by tables: what is configured, who comes with what, and what comes of it.

mod account_space;
mod authentication_methods;
mod authority;
mod certificates;
mod chroot;
mod hostbased;
mod jail;
mod key_options;
mod narrowing;
mod past_cves;
mod precedence;
mod revoked;
mod scene;
mod security_keys;
mod strict_modes;
mod texts;
mod tokens;
