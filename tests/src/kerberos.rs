//! A Kerberos realm on this machine: Debian's KDC on a free port of 127.0.0.1, its database and tickets in a folder that
//! goes away with it. Nothing of the machine's own Kerberos is used or touched.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::traffic::free_port;
use super::{Scratch, needs_program, run, run_with_input, wait_until};

/// The realm's name.
pub const REALM: &str = "BULKHEAD.TEST";

const PASSWORD: &str = "correct horse battery staple";

/// A running KDC.
pub struct Kdc {
    /// Its files.
    pub scratch: Scratch,
    child: Child,
}

impl Kdc {
    /// Whether it can be started here: prints and records the test's name if not.
    #[must_use]
    pub fn is_possible(test: &str) -> bool {
        ["krb5kdc", "kadmin.local", "kdb5_util", "kinit"].iter().all(|program| {
            ["/usr/sbin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(program).is_file())
                || needs_program(test, program)
        })
    }

    /// An empty realm.
    #[must_use]
    pub fn start() -> Self {
        let (scratch, port) = (Scratch::new(), free_port());
        let path = |name: &str| scratch.path(name).display().to_string();
        scratch.file(
            "krb5.conf",
            format!(
                "[libdefaults]\n default_realm = {REALM}\n dns_lookup_realm = false\n dns_lookup_kdc = false\n \
                 dns_canonicalize_hostname = false\n rdns = false\n qualify_shortname = \"\"\n forwardable = true\n \
                 udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            ),
        );
        scratch.file(
            "kdc.conf",
            format!(
                "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n \
                 {REALM} = {{\n  database_name = {}\n  key_stash_file = {}\n  acl_file = {}\n }}\n[logging]\n \
                 kdc = FILE:{}\n",
                path("principal"),
                path("stash"),
                path("acl"),
                path("kdc.log"),
            ),
        );
        let tool = |program: &str| tool(&scratch, program);
        let made = run_with_input(tool("kdb5_util").args(["create", "-s", "-r", REALM, "-P", PASSWORD]), b"");
        assert!(made.status.success(), "{made:?}");
        let mut kdc = tool("krb5kdc");
        let child = kdc.arg("-n").stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("krb5kdc");
        wait_until("the KDC listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { scratch, child }
    }

    /// Makes principals whose password [`Self::tickets`] knows.
    pub fn add_users(&self, names: &[&str]) {
        for name in names {
            self.administer(&format!("addprinc -pw \"{PASSWORD}\" {name}"));
        }
    }

    /// A key table with a key of each of these services, such as `host/localhost`.
    #[must_use]
    pub fn key_table(&self, file: &str, services: &[&str]) -> PathBuf {
        let table = self.scratch.path(file);
        for service in services {
            self.administer(&format!("addprinc -randkey {service}"));
            self.administer(&format!("ktadd -k {} {service}", table.display()));
        }
        table
    }

    fn administer(&self, query: &str) {
        let output = run(tool(&self.scratch, "kadmin.local").args(["-r", REALM, "-q", query]));
        assert!(output.status.success(), "{query}: {output:?}");
    }

    /// Tickets of a user in a cache of their own; `options` are kinit's.
    #[must_use]
    pub fn tickets(&self, user: &str, options: &[&str]) -> String {
        let cache = format!("FILE:{}", self.scratch.path(format!("tickets-{user}")).display());
        let mut kinit = tool(&self.scratch, "kinit");
        let output = run_with_input(kinit.args(options).args(["-c", &cache, user]), format!("{PASSWORD}\n").as_bytes());
        assert!(output.status.success(), "{output:?}");
        cache
    }

    /// The value of KRB5_CONFIG.
    #[must_use]
    pub fn configuration(&self) -> String {
        self.scratch.path("krb5.conf").display().to_string()
    }

    /// What the environment of a server must hold.
    #[must_use]
    pub fn environment_of_server(&self, table: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("KRB5_CONFIG", self.configuration()),
            ("KRB5_KTNAME", format!("FILE:{}", table.display())),
            ("KRB5RCACHENAME", format!("file2:{}", self.scratch.path("replays").display())),
        ]
    }
}

/// One of the realm's programs.
fn tool(scratch: &Scratch, program: &str) -> Command {
    let sbin = Path::new("/usr/sbin").join(program);
    let mut command = Command::new(if sbin.is_file() { sbin } else { program.into() });
    command.env("KRB5_CONFIG", scratch.path("krb5.conf")).env("KRB5_KDC_PROFILE", scratch.path("kdc.conf"));
    command.env_remove("KRB5CCNAME").env_remove("KRB5_KTNAME").current_dir("/");
    command
}

impl Drop for Kdc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.scratch.path("kdc.log")).unwrap_or_default();
            eprintln!("---- the KDC's log ----\n{log}\n----");
        }
    }
}
