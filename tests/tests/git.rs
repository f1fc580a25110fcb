//! Git over ssh: clone, push, its second protocol, and accounts that may do nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use bulkhead_tests::{Server, needs_program, public_half, run};

/// An ordinary tester's servers share a home.
fn path_of_repository(server: &Server) -> PathBuf {
    server.account.home.join(format!("repository-{}.git", server.port))
}

struct Repository<'a> {
    server: &'a Server,
    url: String,
}

impl<'a> Repository<'a> {
    /// Made over ssh, with one commit that was pushed.
    fn create(server: &'a Server) -> Self {
        let path = path_of_repository(server);
        server.ssh_ok(&[], &format!("git init -q --bare --initial-branch=main {}", path.display()));
        let repository = Self { server, url: format!("ssh://{}{}", server.login(), path.display()) };
        let work = server.scratch.path("first").display().to_string();
        repository.done(&["clone", "-q", &repository.url, &work]);
        fs::write(server.scratch.path("first/file"), "x".repeat(500_000)).unwrap();
        repository.done(&["-C", &work, "add", "file"]);
        repository.done(&["-C", &work, "commit", "-q", "-m", "one"]);
        repository.done(&["-C", &work, "push", "-q", "origin", "HEAD:main"]);
        repository
    }

    /// Without anything of the tester's own configuration.
    fn git(&self, arguments: &[&str]) -> Output {
        let mut git = Command::new("git");
        let shell = format!("ssh -F none {}", self.server.client_options().join(" "));
        git.env("GIT_SSH_COMMAND", shell).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        git.env("GIT_TRACE_PACKET", "1").args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        run(git.args(arguments))
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.git(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn clone_to(&self, name: &str) -> String {
        let target = self.server.scratch.path(name);
        let trace = self.done(&["clone", "-q", &self.url, &target.display().to_string()]);
        assert_eq!(fs::metadata(target.join("file")).unwrap().len(), 500_000);
        trace
    }
}

#[test]
fn git_speaks_its_second_protocol_where_its_variable_is_accepted() {
    if !needs_program("git_speaks_its_second_protocol_where_its_variable_is_accepted", "git") {
        return;
    }
    for (configuration, is_second) in [("AcceptEnv GIT_PROTOCOL", true), ("", false)] {
        let server = Server::any(configuration);
        let repository = Repository::create(&server);
        let trace = repository.clone_to("second");
        assert_eq!(trace.contains("< version 2"), is_second, "{configuration}: {trace}");
        fs::remove_dir_all(path_of_repository(&server)).unwrap();
    }
}

#[test]
fn an_account_for_git_alone() {
    if !needs_program("an_account_for_git_alone", "git") {
        return;
    }
    let server = Server::any("");
    let repository = Repository::create(&server);
    let key = public_half(&server.scratch.path("login_key"));
    let forced = r#"restrict,command="git shell -c \"$SSH_ORIGINAL_COMMAND\"""#;
    fs::write(server.scratch.path("authorized_keys"), format!("{forced} {key}")).unwrap();
    repository.clone_to("restricted");
    let work = server.scratch.path("restricted").display().to_string();
    repository.done(&["-C", &work, "commit", "-q", "--allow-empty", "-m", "two"]);
    repository.done(&["-C", &work, "push", "-q", "origin", "HEAD:main"]);
    let refused = server.ssh(&[], "id");
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unrecognized command"), "{refused:?}");
    fs::remove_dir_all(path_of_repository(&server)).unwrap();
}
