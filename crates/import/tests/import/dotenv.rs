//! `.env`: what shells and dotenv libraries agree on, and the cases others got wrong.

use holdfast_import::{Source, read};
use holdfast_protocol::item::SecretType;

use crate::support::{entry, fields, import, left_out, refused};

#[track_caller]
fn values(text: &str, expected: &[(&str, &str)]) {
    let import = import(Source::Dotenv, text);
    assert_eq!(import.entries.len(), 1);
    assert_eq!(fields(&import.entries[0]), expected, "{text:?}");
}

#[test]
fn a_file_is_one_set_named_after_it() {
    let import = read(Source::Dotenv, b"A=1\nB=2\n", ".env.production", None)
        .ok()
        .unwrap();
    let set = entry(&import, ".env.production");
    assert_eq!(
        (set.secret_type, fields(set)),
        (SecretType::Env, vec![("A", "1"), ("B", "2")])
    );
    assert!(import.in_clear && import.skipped.is_empty());
}

#[test]
fn a_hash_is_a_comment_only_after_white_space() {
    values("A=abc#def\n", &[("A", "abc#def")]);
    values("A=abc #def\n", &[("A", "abc")]);
    values("A=abc\t# def", &[("A", "abc")]);
    values("A=#def\nB=x", &[("A", ""), ("B", "x")]);
    values("A=\"abc # def\" # comment\n", &[("A", "abc # def")]);
    values("A='#' #\nB=`#`", &[("A", "#"), ("B", "#")]);
    values("# A=1\n  # B=2\nC=3", &[("C", "3")]);
    values("URL=https://example.org/#top", &[("URL", "https://example.org/#top")]);
}

#[test]
fn quotes_keep_and_escapes_are_those_of_the_shell() {
    values("A='a \"b\" $HOME \\n'", &[("A", "a \"b\" $HOME \\n")]);
    values(
        "A=\"a 'b' \\\"c\\\" \\\\ \\$X \\n|\\t|\\r|\\q\"",
        &[("A", "a 'b' \"c\" \\ $X \n|\t|\r|\\q")],
    );
    values("A=`it's \"so\"`", &[("A", "it's \"so\"")]);
    values("A=it's\nB=say \"x\"", &[("A", "it's"), ("B", "say \"x\"")]);
    values(
        "A=\"\"\nB=''\nC=\nD=   \n",
        &[("A", ""), ("B", ""), ("C", ""), ("D", "")],
    );
    values(
        "A=  spaced out  \nB = 'x'\n\tC=1",
        &[("A", "spaced out"), ("B", "x"), ("C", "1")],
    );
    values("A=\"  kept  \"", &[("A", "  kept  ")]);
    values("A=a=b==", &[("A", "a=b==")]);
}

#[test]
fn nothing_is_expanded() {
    values("A=$HOME-${PATH}-$(id)-`id`", &[("A", "$HOME-${PATH}-$(id)-`id`")]);
    values("A=\"${HOME}\"", &[("A", "${HOME}")]);
}

#[test]
fn values_go_over_several_lines() {
    let key = "-----BEGIN KEY-----\nabc#1\n  def=\n\n-----END KEY-----\n";
    values(&format!("K=\"{key}\"\nB=1"), &[("K", key), ("B", "1")]);
    values(&format!("K='{key}'"), &[("K", key)]);
    values("A=\"one \\\ntwo\"", &[("A", "one two")]);
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_no_part_of_anything() {
    values(
        "\u{feff}A=1\r\nB='x\r\ny'\r\n\r\nC=3 # c\r\nD=\r\n",
        &[("A", "1"), ("B", "x\ny"), ("C", "3"), ("D", "")],
    );
    values("A=1\r", &[("A", "1")]);
}

#[test]
fn export_is_read_over() {
    values(
        "export A=1\nexport\tB='2'\nexport=3\nexported=4",
        &[("A", "1"), ("B", "2"), ("export", "3"), ("exported", "4")],
    );
    let only = import(Source::Dotenv, "A=1\nexport B\nexport C # later\n");
    assert_eq!(fields(&only.entries[0]), [("A", "1")]);
    assert_eq!(
        left_out(&only),
        [("B", "line 2 gives it no value"), ("C", "line 3 gives it no value")]
    );
}

#[test]
fn the_last_of_several_counts_and_that_is_said() {
    let import = import(Source::Dotenv, "A=1\nB=x\nA=2\nA=3\n");
    assert_eq!(fields(&import.entries[0]), [("A", "3"), ("B", "x")]);
    assert_eq!(left_out(&import), [("A", "it is there more than once; line 4 counts")]);
}

#[test]
fn emoji_and_ten_kilobytes_come_through() {
    let long = "é🔑#".repeat(1_500);
    values(&format!("A={long}\nB=\"{long}\""), &[("A", &long), ("B", &long)]);
}

#[test]
fn errors_name_the_line_and_never_the_value() {
    for (text, line) in [
        ("A=1\nhunter2\n", 2),
        ("A=1\n\n1B=hunter2", 3),
        ("A='x\nhunter2\n", 1),
        ("A=1\nB=\"x\\\"hunter2", 2),
        ("A='x'hunter2", 1),
        ("A=\"x\ny\" hunter2", 2),
        ("A=1\nB: hunter2", 2),
        ("Ä=hunter2", 1),
        ("A B=hunter2", 1),
        ("=hunter2", 1),
        ("export A B", 1),
        ("A=1\rhunter2=\"", 1),
    ] {
        let error = match read(Source::Dotenv, text.as_bytes(), "file", None) {
            Err(error) => error.to_string(),
            Ok(_) if text.contains('\r') => continue,
            Ok(_) => panic!("{text:?} was read"),
        };
        assert!(error.starts_with(&format!("Line {line}: ")), "{text:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for nothing in ["", "\n\n", "# only a comment"] {
        assert!(refused(Source::Dotenv, nothing).to_string().contains("no NAME=value"));
    }
}
