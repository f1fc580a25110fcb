//! UseDNS: rules that name hosts. On every host here 127.0.0.1 is called `localhost` (hosts(5)).

use std::fs;

use bulkhead_tests::{Server, needs_root, public_half};

fn is_in(server: &Server) -> bool {
    server.ssh(&[], "echo in").status.success()
}

#[test]
fn users_are_denied_and_allowed_by_host_name() {
    if !needs_root("users_are_denied_and_allowed_by_host_name") {
        return;
    }
    for (configuration, expected) in [
        ("UseDNS yes\nDenyUsers *@localhost", false),
        ("UseDNS yes\nDenyUsers *@other.example.org", true),
        ("UseDNS yes\nAllowUsers *@LOCALHOST", true),
        ("UseDNS yes\nAllowUsers *@other.example.org", false),
        // Without a look-up the address is the name.
        ("UseDNS no\nDenyUsers *@localhost", true),
        ("UseDNS no\nAllowUsers *@localhost", false),
        ("UseDNS no\nAllowUsers *@127.0.0.1", true),
    ] {
        let server = Server::as_root(configuration);
        assert_eq!(is_in(&server), expected, "{configuration:?}");
        if configuration.ends_with("DenyUsers *@localhost") && !expected {
            let user = &server.account.name;
            server.wait_for_log(&format!("User {user} from localhost not allowed because listed in DenyUsers"));
        }
    }
}

#[test]
fn blocks_match_host_names() {
    let block = "Match Host localhost\n PubkeyAuthentication no\n";
    assert!(!is_in(&Server::any(&format!("UseDNS yes\n{block}"))));
    assert!(is_in(&Server::any(&format!("UseDNS no\n{block}"))));
}

#[test]
fn keys_are_bound_to_host_names() {
    for (use_dns, from, expected) in [
        ("yes", "localhost", true),
        ("yes", "*,!localhost", false),
        ("yes", "*.example.org", false),
        ("no", "localhost", false),
        ("no", "127.0.0.0/8", true),
    ] {
        let server = Server::any(&format!("UseDNS {use_dns}"));
        let line = public_half(&server.scratch.path("login_key"));
        fs::write(server.scratch.path("authorized_keys"), format!("from=\"{from}\" {line}")).unwrap();
        assert_eq!(is_in(&server), expected, "UseDNS {use_dns}, from={from}");
        if !expected {
            let host = if use_dns == "yes" { "localhost" } else { "127.0.0.1" };
            server.wait_for_log(&format!("not from a permitted host (host={host}, ip=127.0.0.1, required={from})."));
        }
    }
}

#[test]
fn blocks_match_the_ordinary_routing_domain() {
    let block = "Match RDomain *\n PubkeyAuthentication no\n";
    assert!(!is_in(&Server::any(block)));
    assert!(is_in(&Server::any(&block.replace('*', "vrf1"))));
}
