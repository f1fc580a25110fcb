//! The manual, the parity list and the commented configuration file follow from the keyword table. They are kept in
//! the repository for reading; this test makes them anew and fails if they differ. `UPDATE_DOCUMENTS=1` writes them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::PathBuf;

use settings::algorithms::Known;
use settings::keywords::{Id, ItsFile, KEYWORDS, Layer, Scope, Status, WITHDRAWN, Withdrawal};
use settings::paths::{PIDFILE, RELEASE, SYSCONFDIR};
use settings::{Arguments, Effective, Keyword, Setting};

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a document with what it should be, or writes it.
fn is_up_to_date(path: &str, wanted: &str) {
    if SYSCONFDIR != "/etc/ssh" {
        // Built for another place; the documents in the repository describe the customary one.
        return;
    }
    let file = project().join(path);
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} does not follow the table; run this test with UPDATE_DOCUMENTS=1");
}

#[test]
fn the_manual() {
    let template = std::fs::read_to_string(project().join("docs/manual/sshd_config.5.in")).unwrap();
    let page = filled(&template)
        .replace("@KEYWORDS@\n", &paragraphs(ItsFile::SshdConfig))
        .replace("@COMPANION@\n", &paragraphs(ItsFile::Companion))
        .replace("@WITHDRAWN@\n", &withdrawn());
    is_up_to_date("docs/generated/sshd_config.5", &page);
    let template = std::fs::read_to_string(project().join("docs/manual/sshd.8.in")).unwrap();
    is_up_to_date("docs/generated/sshd.8", &filled(&template));
}

#[test]
fn the_parity_list() {
    let mut list = "# Keywords of sshd_config, and what they do here\n\nMade from `crates/settings/src/keywords/table.rs`.\n\n\
                    | keyword | status | in Match | several lines | known to | what it does |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for keyword in KEYWORDS {
        let known_to: Vec<String> =
            keyword.known_to.iter().map(|process| format!("{process:?}").to_lowercase()).collect();
        let names: Vec<&str> = std::iter::once(keyword.name).chain(keyword.aliases.iter().copied()).collect();
        writeln!(
            list,
            "| {} | {} | {} | {} | {} |{} |",
            names.join(", "),
            status(keyword),
            if keyword.place == Scope::Anywhere { "yes" } else { "no" },
            keyword.repeat.sentence(),
            known_to.join(", "),
            keyword.doc,
        )
        .unwrap();
    }
    list.push_str("\nWithout effect, as in OpenSSH:");
    for row in WITHDRAWN {
        write!(list, " {}", row.name).unwrap();
    }
    list.push_str(".\n");
    is_up_to_date("docs/generated/keywords.md", &list);
}

#[test]
fn the_commented_configuration() {
    let mut file = "# Configuration of Bulkhead's SSH server; OpenSSH's sshd reads it too. See sshd_config(5).\n\
                    #\n\
                    # Commented lines show the defaults. The first value of a keyword counts: files that are included\n\
                    # here win over what follows. \"sshd -t\" checks the file, \"sshd -T --why\" says what set what.\n\
                    \n\
                    Include sshd_config.d/*.conf\n"
        .to_owned();
    for keyword in KEYWORDS.iter().filter(|keyword| keyword.file == ItsFile::SshdConfig) {
        writeln!(file, "\n#{}", keyword.doc).unwrap();
        if keyword.id == Id::Subsystem {
            file.push_str("Subsystem sftp internal-sftp\n");
        }
        for line in default_lines(keyword) {
            writeln!(file, "#{} {line}", keyword.name).unwrap();
        }
    }
    is_up_to_date("etc/sshd_config", &file);
    commented_lines_are_the_defaults(&file);
}

/// Taking the comment sign away from all of them changes nothing.
fn commented_lines_are_the_defaults(file: &str) {
    let mut layer = Layer::default();
    for line in file.lines().filter_map(|line| line.strip_prefix('#')) {
        let Some((name, value)) = line.split_once(' ').filter(|(name, _)| !name.is_empty()) else { continue };
        let Some(keyword) = KEYWORDS.iter().find(|keyword| keyword.name == name) else { continue };
        let words: Vec<Cow<'_, str>> = value.split(' ').map(Cow::Borrowed).collect();
        layer.take(&Setting::parse(keyword.id, &mut Arguments::new(&words, value)).unwrap());
    }
    let shown =
        |effective: Effective| effective.show(|_| false).into_iter().map(|(_, lines)| lines).collect::<Vec<_>>();
    assert_eq!(shown(layer.effective()), shown(Effective::defaults()));
}

fn filled(template: &str) -> String {
    template.replace("@SYSCONFDIR@", SYSCONFDIR).replace("@PIDFILE@", PIDFILE).replace("@RELEASE@", RELEASE)
}

fn paragraphs(file: ItsFile) -> String {
    let mut keywords: Vec<&Keyword> = KEYWORDS.iter().filter(|keyword| keyword.file == file).collect();
    keywords.sort_by_key(|keyword| keyword.name.to_ascii_lowercase());
    keywords.into_iter().map(paragraph).collect()
}

fn paragraph(keyword: &Keyword) -> String {
    let mut text =
        format!(".It Cm {} Ar {}\n{}\n", keyword.name, escaped(keyword.written), escaped(keyword.doc.trim()));
    let default = default_lines(keyword);
    if !keyword.words.is_empty() {
        text.push_str(".Bl -tag -width Ds -compact\n");
        for (word, meaning) in keyword.words {
            writeln!(text, ".It Cm {}\n{}", escaped(word), escaped(meaning.trim())).unwrap();
        }
        text.push_str(".El\n");
    }
    if let Some(algorithms) = algorithms(keyword) {
        writeln!(text, "Known are {}.", algorithms.all.join(", ")).unwrap();
    }
    match default.as_slice() {
        [] => text.push_str("Not set by default.\n"),
        lines => writeln!(text, "The default is\n.Li {} .", escaped(&lines.join(" ")).replace(',', ",\\:")).unwrap(),
    }
    writeln!(text, "{}", keyword.repeat.sentence()).unwrap();
    if keyword.place == Scope::Anywhere {
        text.push_str("May stand in Match blocks.\n");
    }
    if !keyword.aliases.is_empty() {
        writeln!(text, "Also called {}.", keyword.aliases.join(", ")).unwrap();
    }
    match keyword.status {
        Status::Works => {}
        Status::Never(why) => writeln!(text, "Has no effect: {why}.").unwrap(),
    }
    text
}

fn algorithms(keyword: &Keyword) -> Option<&'static Known> {
    use settings::algorithms::{CA_SIGNATURES, CIPHERS, KEX, KEY_TYPES, MACS};
    match keyword.id {
        Id::Ciphers => Some(&CIPHERS),
        Id::Macs => Some(&MACS),
        Id::KexAlgorithms => Some(&KEX),
        Id::CASignatureAlgorithms => Some(&CA_SIGNATURES),
        Id::HostKeyAlgorithms => Some(&KEY_TYPES),
        _ => None,
    }
}

fn withdrawn() -> String {
    WITHDRAWN
        .iter()
        .map(|row| {
            let why = match row.why {
                Withdrawal::Deprecated => "withdrawn",
                Withdrawal::Unsupported => "not built in",
                Withdrawal::Ignored => "ignored without a notice",
                Withdrawal::OtherPlatform => "an error on this platform",
            };
            format!(".Cm {}\n({why})\n", row.name)
        })
        .collect()
}

fn status(keyword: &Keyword) -> String {
    match keyword.status {
        Status::Works => "works".to_owned(),
        Status::Never(why) => format!("no effect: {why}"),
    }
}

/// The default as `-T` shows it.
fn default_lines(keyword: &Keyword) -> Vec<String> {
    if keyword.id == Id::PerSourcePenalties {
        // Shorter than all the numbers, and the same.
        return vec!["yes".to_owned()];
    }
    let shown = Effective::defaults().show(|_| false);
    shown.into_iter().find(|(row, _)| row.id == keyword.id).map(|(_, lines)| lines).unwrap_or_default()
}

/// Text of the table for mdoc(7).
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
