//! SftpJail lines that could open more to OpenSSH than they do here: errors, so that nobody goes back to it unaware.

use settings::{Setting, Settings};

/// One text for each SftpJail of a connection that sshd_config does not surely force into internal-sftp: ForceCommand
/// must stand in the global part, or under a Match line that asks for nothing which this line's own does not ask for.
pub(crate) fn not_forced(settings: &Settings) -> Vec<String> {
    let jails = settings.said.iter().filter(|said| matches!(said.setting, Setting::SftpJail(Some(_))));
    let not_forced = jails.filter(|said| !policy::forces_internal_sftp(&settings.certain_with(said.block)));
    let text = |said: &settings::Said| {
        format!(
            "{}: SftpJail: sshd_config does not force internal-sftp for all these logins. \"ForceCommand internal-sftp\" \
             must stand there under the same Match line (or in the global part), because OpenSSH does not know SftpJail",
            settings.name_of(said.place)
        )
    };
    not_forced.map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(sshd_config: &str, companion: &str) -> usize {
        let folder = std::env::temp_dir().join(format!("bulkhead-jails-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, beside) = (folder.join("sshd_config"), folder.join("bulkhead_config"));
        std::fs::write(&file, sshd_config).unwrap();
        std::fs::write(&beside, companion).unwrap();
        let request = config::LoadRequest { file: Some(file), companion: Some(beside), ..Default::default() };
        let loaded = config::load(&request).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        not_forced(&loaded.settings).len()
    }

    #[test]
    fn what_is_forced_for_all_of_them_is_enough() {
        let jail = "Match Group files Address 10.0.0.0/8\n SftpJail %h\n";
        for forced in [
            "ForceCommand internal-sftp\n",
            "Match Group files\n ForceCommand internal-sftp -R\n",
            "Match Address 10.0.0.0/8 Group files\n ForceCommand internal-sftp\n",
            "Match all\n ForceCommand internal-sftp\n",
        ] {
            assert_eq!(complaints(forced, jail), 0, "{forced}");
        }
    }

    #[test]
    fn what_is_forced_for_some_or_not_at_all_is_an_error() {
        let jail = "Match Group files\n SftpJail %h\nMatch User ann\n SftpJail none\n";
        for not_forced in [
            "",
            "ForceCommand /usr/lib/sftp-server\n",
            "ForceCommand internal-sftpd\n",
            "Match Group file\n ForceCommand internal-sftp\n",
            "Match Group files User ann\n ForceCommand internal-sftp\n",
            "Match Group files\n ForceCommand /bin/date\nMatch Group files\n ForceCommand internal-sftp\n",
            "Subsystem sftp internal-sftp\n",
        ] {
            assert_eq!(complaints(not_forced, jail), 1, "{not_forced}");
        }
        assert_eq!(complaints("Match Group files\n ForceCommand internal-sftp\n", "SftpJail /srv\n"), 1);
    }
}
