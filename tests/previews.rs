//! Looking into what was uploaded without downloading it, by the real programs: lists, differences, previews of good files
//! and hostile ones, and uploads before they begin and when they did not end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_tests::{Event, Person, Relay, Server, Verdict, small_dataset};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

fn write(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// Two columns, `rows` rows, several MiB.
fn scores(rows: i64) -> Vec<u8> {
    let schema = "message scores { required int64 id; required binary name (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_dictionary_enabled(false).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let mut ids = group.next_column().expect("a column").expect("the first");
    let values: Vec<i64> = (0..rows).collect();
    ids.typed::<Int64Type>()
        .write_batch(&values, None, None)
        .expect("numbers");
    ids.close().expect("a column");
    let mut names = group.next_column().expect("a column").expect("the second");
    let noise = |id: i64| {
        (0..6)
            .map(|step| format!("{:x}", (id + 7).pow(3) * (step + 3) % 1_000_003))
            .collect::<String>()
    };
    let values: Vec<ByteArray> = (0..rows)
        .map(|id| format!("{id} {}", noise(id)).into_bytes().into())
        .collect();
    names
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)
        .expect("names");
    names.close().expect("a column");
    group.close().expect("a group");
    writer.close().expect("a file");
    bytes
}

fn cells(view: &Value, row: usize) -> Vec<&str> {
    let row = view["rows"][row].as_array().expect("a row");
    row.iter().map(|cell| cell.as_str().unwrap_or("~")).collect()
}

#[test]
fn files_changes_and_previews() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "P"]).ok();
    let source = small_dataset(root.path());
    let parquet = scores(300_000);
    assert!(parquet.len() > 8 << 20, "{} bytes", parquet.len());
    write(&source.join("deep/er/scores.parquet"), &parquet);
    write(&source.join("deep/lines.jsonl"), b"{\"a\":1,\"b\":[2]}\n{\"a\":2.5}\n");
    ana.run(&["dataset", "upload", "P", text(&source), "--name", "D"]).ok();

    let top = ana.run(&["dataset", "files", "P/D"]).ok();
    assert_eq!(
        (&top["version"], &top["files"], &top["next"]),
        (&json!(1), &json!(4), &Value::Null)
    );
    let entries = top["entries"].as_array().expect("entries");
    let names: Vec<_> = entries
        .iter()
        .map(|entry| entry["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["deep", "README", "penguins.csv"]);
    assert_eq!(
        (&entries[0]["type"], &entries[0]["files"]),
        (&json!("folder"), &json!(2))
    );
    assert_eq!(entries[0]["bytes"], json!(parquet.len() + 26));
    let page = ana
        .run(&["dataset", "files", "P/D@1", "--limit", "1", "--offset", "1"])
        .ok();
    assert_eq!(
        (&page["entries"][0]["name"], &page["next"]),
        (&json!("README"), &json!(2))
    );
    let under = ana.run(&["dataset", "files", "P/D", "--under", "deep/"]).ok();
    assert_eq!(under["entries"][1]["path"], "deep/lines.jsonl");
    let all = ana.run(&["dataset", "files", "P/D", "--recursive"]).ok();
    assert_eq!(all["total"], 4);
    ana.run(&["dataset", "files", "P/D", "--under", "nothing"]).fails(12);

    let table = ana.run(&["dataset", "preview", "P/D", "penguins.csv"]).ok();
    assert_eq!(
        (&table["kind"], &table["format"], &table["file"]),
        (&json!("table"), &json!("csv"), &json!("penguins.csv"))
    );
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(200));
    let first = &table["columns"][0];
    assert_eq!((&first["name"], &first["type"]), (&json!("species"), &json!("text")));
    assert_eq!(cells(&table, 0)[..2], ["Adelie", "Torgersen"]);
    let next = table["next_offset"].to_string();
    let rest = ana
        .run(&[
            "dataset",
            "preview",
            "P/D",
            "penguins.csv",
            "--rows",
            "1000",
            "--offset",
            &next,
        ])
        .ok();
    assert_eq!(
        (rest["rows"].as_array().map(Vec::len), &rest["truncated"]),
        (Some(144), &json!(false))
    );

    let table = ana
        .run(&["dataset", "preview", "P/D", "deep/er/scores.parquet", "--rows", "3"])
        .ok();
    assert_eq!(
        (&table["format"], &table["rows_total"]),
        (&json!("parquet"), &json!(300_000))
    );
    assert_eq!(cells(&table, 2)[0], "2");
    let read = table["bytes_read"].as_u64().expect("a number");
    assert!(read < 3 << 20, "{read} bytes for three rows of {}", parquet.len());
    let table = ana.run(&["dataset", "preview", "P/D", "deep/lines.jsonl"]).ok();
    assert_eq!(cells(&table, 1), ["2.5", "~"]);
    let lines = ana.run(&["dataset", "preview", "P/D", "README"]).ok();
    assert_eq!(
        (&lines["kind"], &lines["text"]),
        (&json!("text"), &json!("Palmer penguins"))
    );
    ana.run(&["dataset", "preview", "P/D", "deep"]).fails(2);
    ana.run(&["dataset", "preview", "P/D", "none.csv"]).fails(12);

    write(&source.join("README"), b"Other words\n");
    std::fs::rename(source.join("penguins.csv"), source.join("deep/birds.csv")).expect("renamed");
    write(&source.join("new"), b"new");
    ana.run(&["dataset", "upload", "P", text(&source), "--name", "D"]).ok();
    let changes = ana.run(&["dataset", "changes", "P/D", "--from", "1"]).ok();
    let counts =
        ["from", "to", "added", "removed", "changed", "renamed", "unchanged"].map(|name| changes[name].as_u64());
    assert_eq!(counts, [1, 2, 1, 0, 1, 1, 2].map(Some));
    let told: Vec<_> = changes["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| &entry["change"])
        .collect();
    assert_eq!(told, ["content", "renamed", "added"]);
    assert_eq!(changes["entries"][1]["was"], "penguins.csv");
    let back = ana.run(&["dataset", "changes", "P/D", "--from", "2", "--to", "1"]).ok();
    assert_eq!(back["removed"], 1);
    ana.run(&["dataset", "changes", "P/D", "--from", "9"]).fails(12);

    // Without an agent, each command starts its own decoder.
    ana.run(&["lock"]).ok();
    let table = ana
        .run(&["dataset", "preview", "P/D@1", "penguins.csv", "--rows", "2"])
        .ok();
    assert_eq!(cells(&table, 1)[0], "Adelie");
}

/// A schema of Parquet, each group in the one before, so deep that whoever follows it runs out of stack.
fn bottomless(depth: usize) -> Vec<u8> {
    let group = b"\x35\x00\x18\x01a\x15\x02\x00";
    let leaf = b"\x15\x02\x25\x00\x18\x01a\x00";
    let count = u32::try_from(depth + 1).expect("a number");
    // A list of structures, its length in seven bits at a time.
    let mut length = Vec::new();
    let mut rest = count;
    while rest >= 0x80 {
        length.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    length.push(u8::try_from(rest).expect("seven bits"));
    let mut footer = b"\x15\x02\x19\xfc".to_vec();
    footer.extend(length);
    footer.extend(group.repeat(depth));
    footer.extend(leaf);
    footer.extend(b"\x16\x00\x19\x0c\x00");
    let mut bytes = b"PAR1".to_vec();
    let size = u32::try_from(footer.len()).expect("a size");
    bytes.extend(footer);
    bytes.extend(size.to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

#[test]
fn a_hostile_file_harms_nobody() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "P"]).ok();
    let source = root.path().join("hostile");
    write(&source.join("fine.csv"), b"a,b\n1,2\n");
    write(&source.join("deep.parquet"), &bottomless(400_000));
    write(&source.join("deep.json"), "[".repeat(3 << 20).as_bytes());
    write(&source.join("line.csv"), &vec![b'x'; 30 << 20]);
    let mut gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;".to_vec();
    gif.resize(4096, 0);
    write(&source.join("huge.gif"), &gif);
    ana.run(&["dataset", "upload", "P", text(&source), "--name", "D"]).ok();

    let stopped = ana.run(&["dataset", "preview", "P/D", "deep.parquet"]).fails(1);
    assert_eq!(stopped["code"], "not-shown");
    let said = stopped["message"].as_str().expect("a sentence");
    assert!(said.contains("can still be downloaded"), "{said}");
    let line = ana.run(&["dataset", "preview", "P/D", "line.csv"]).ok();
    assert!(line["bytes_read"].as_u64() <= Some(6 << 20), "{}", line["bytes_read"]);
    assert_eq!(line["truncated"], true);
    let json = ana.run(&["dataset", "preview", "P/D", "deep.json"]).ok();
    assert_eq!(json["kind"], "text");
    let gif = ana.run(&["dataset", "preview", "P/D", "huge.gif"]).ok();
    assert_eq!((&gif["width"], &gif["thumbnail_png"]), (&json!(65_535), &Value::Null));
    // The agent is as it was, and the file is, too.
    let fine = ana.run(&["dataset", "preview", "P/D", "fine.csv"]).ok();
    assert_eq!(cells(&fine, 0), ["1", "2"]);
    let to = root.path().join("to");
    ana.run(&["dataset", "download", "P/D", "--to", text(&to)]).ok();
    assert!(std::fs::read(to.join("deep.parquet")).expect("a file") == bottomless(400_000));
}

#[test]
fn an_altered_piece_is_not_shown() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("server");
    let server = Server::start(&data);
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "P"]).ok();
    let source = root.path().join("rows.csv");
    let rows: String = (0..400_000_u64)
        .map(|row| format!("{row},{}\n", row * 7919 % 100_003))
        .collect();
    write(&source, rows.as_bytes());
    ana.run(&["dataset", "upload", "P", text(&source), "--name", "D"]).ok();
    ana.run(&["dataset", "preview", "P/D", "rows.csv"]).ok();
    let packs = walkdir::WalkDir::new(&data)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file());
    let largest = packs
        .max_by_key(|entry| entry.metadata().map_or(0, |metadata| metadata.len()))
        .expect("a pack");
    let mut bytes = std::fs::read(largest.path()).expect("a pack");
    bytes[1000] ^= 1;
    std::fs::write(largest.path(), bytes).expect("a pack");
    let refused = ana.run(&["dataset", "preview", "P/D", "rows.csv"]).fails(20);
    assert_eq!(refused["code"], "damaged");
}

#[test]
fn uploads_before_they_begin_and_when_they_did_not_end() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    let closed = Arc::new(AtomicBool::new(false));
    let gate = closed.clone();
    let judge = move |event: &Event| {
        let stop = event.part().is_some() && gate.load(Ordering::SeqCst);
        if stop { Verdict::Cut } else { Verdict::Go }
    };
    relay.open(server.port(), Arc::new(judge));
    let ana = Person::sign_up(root.path(), &url, "ana@example.org");
    ana.run(&["project", "create", "P"]).ok();
    let source = root.path().join("source");
    write(&source.join("data.bin"), &vec![7; 100_000]);
    write(&source.join(".env"), b"TOKEN=1");
    write(&source.join("build/out"), b"0123456789");
    write(&source.join(".gitignore"), b"build/\n");

    let upload = |more: &[&str]| {
        let line = ["dataset", "upload", "P", text(&source), "--name", "D"];
        ana.run(&[&line[..], more].concat())
    };
    let plan = upload(&["--dry-run"]).ok();
    assert_eq!(
        (&plan["files"], &plan["bytes"]),
        (&json!(4), &json!(100_000 + 7 + 10 + 7))
    );
    assert_eq!(plan["largest"], json!({"path": "data.bin", "bytes": 100_000}));
    assert_eq!(
        (&plan["ignored"], &plan["ignored_bytes"]),
        (&json!(["build/out"]), &json!(10))
    );
    assert_eq!(plan["skipped_total"], 0);
    let plan = upload(&["--dry-run", "--skip-hidden"]).ok();
    assert_eq!((&plan["files"], &plan["skipped_total"]), (&json!(2), &json!(2)));
    assert_eq!(
        ana.run(&["dataset", "list", "P"]).ok(),
        json!([]),
        "nothing was uploaded"
    );

    closed.store(true, Ordering::SeqCst);
    upload(&["--skip-hidden", "--note", "May"]).fails(30);
    let pending = ana.run(&["upload", "list"]).ok();
    let waiting = &pending[0];
    for (name, expected) in [
        ("project_name", json!("P")),
        ("kind", json!("dataset")),
        ("name", json!("D")),
        ("note", json!("May")),
        ("include_hidden", json!(false)),
        ("paths", json!([text(&source)])),
        ("bytes_sent", json!(0)),
    ] {
        assert_eq!(waiting[name], expected, "{name}");
    }
    assert!(waiting["begun_ms"].as_u64() > Some(1_700_000_000_000));
    // With hidden files it is another upload.
    upload(&[]).fails(30);
    assert_eq!(ana.run(&["upload", "list"]).ok().as_array().map(Vec::len), Some(2));
    closed.store(false, Ordering::SeqCst);
    let done = upload(&["--skip-hidden"]).ok();
    assert_eq!((&done["files"], &done["version"]), (&json!(2), &json!(1)));
    let pending = ana.run(&["upload", "list"]).ok();
    assert_eq!(pending.as_array().map(Vec::len), Some(1));
    let left = pending[0]["version"].as_str().expect("an id");
    ana.run(&["upload", "abandon", left]).ok();
    ana.run(&["upload", "abandon", left]).fails(12);
    ana.run(&["upload", "abandon", "nonsense"]).fails(12);
    assert_eq!(ana.run(&["upload", "list"]).ok(), json!([]));
}
