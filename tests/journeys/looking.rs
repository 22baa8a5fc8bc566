//! Looking into what was uploaded, in the window: a real folder is dropped and its table read, by keyboard alone; folders,
//! text, pictures, bytes; what changed; ten thousand files in one folder; names and cells that mean harm.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use holdfast_tests::{Dice, Person, Server, Window, small_dataset};
use serde_json::json;

use super::moving::{Road, on_the_road};
use super::prepared::{folder, unlock, unlocked};

const DOWN: &str = "\u{e015}";
const END: &str = "\u{e010}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const BACKSPACE: &str = "\u{e003}";

fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

fn prepare(root: &Path) -> (Server, Person) {
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Birds"]).ok();
    (server, ana)
}

fn upload(person: &Person, source: &Path, name: &str) {
    let path = source.to_str().expect("a path");
    person.run(&["dataset", "upload", "Birds", path, "--name", name]).ok();
}

async fn is_true(window: &Window, script: &str) -> bool {
    window.script(script, Vec::new()).await == json!(true)
}

/// Waits until that is so.
async fn until(window: &Window, script: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_true(window, script).await {
        assert!(Instant::now() < end, "it never happens: {script}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The public table of `small_dataset`, from the folder on this computer to its cells on the screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_folder_is_dropped_and_its_table_read() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, ana) = prepare(root);
    let source = small_dataset(root);
    write(
        &source.join("pictures/island.png"),
        include_bytes!("../../icons/128x128.png"),
    );
    write(&source.join("pictures/deep/notes.txt"), "Seen from the ship.\n");
    write(
        &source.join("model.pkl"),
        b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x04posix",
    );
    write(&source.join("noise.bin"), [0, 1, 2, 255, 254, 0].repeat(100));
    write(&source.join("nothing.csv"), "");
    let window = unlocked("looking", &ana).await;
    window.click("Birds").await;
    window.sees("No datasets yet").await;
    window.drop_files(&[&source]).await;
    window.sees("7 files, ").await;
    window.fill("Name", "penguins").await;
    window.click("Start").await;
    window.sees("Checked against the server: all correct.").await;
    window.click("Put away").await;

    // From here on, hands stay on the keyboard.
    window.tab_to("Datasets", "listbox").await;
    window.keys(ENTER).await;
    window.sees("penguins.csv").await;
    window.screen("1-files").await;
    window.tab_to("Files", "listbox").await;
    // Folders stand first: pictures, README, model.pkl, noise.bin, nothing.csv, penguins.csv.
    window.keys(END).await;
    window.keys(ENTER).await;
    window.sees("Torgersen").await;
    window.sees("The first 200 rows").await;
    window.sees("bill_length_mm").await;
    window.sees("number").await;
    window.screen("2-table").await;
    let sticks = "const box = document.querySelector('table').parentElement; box.scrollTop = 3000; \
        const head = document.querySelector('thead th').getBoundingClientRect(); \
        return Math.abs(head.top - box.getBoundingClientRect().top) < 2;";
    assert!(is_true(&window, sticks).await, "the head of the table went away");
    window
        .tab_to("More rows, “\u{2068}penguins.csv\u{2069}”", "button")
        .await;
    window.keys(ENTER).await;
    window.sees("344 rows").await;
    window.no_longer_sees("More rows").await;
    // The button is gone, and the focus is on what it brought.
    let in_table = "return document.activeElement.getAttribute('role') === 'region'";
    until(&window, in_table).await;
    window.keys(END).await;
    until(
        &window,
        "return [...document.querySelectorAll('tbody th')].some((th) => th.textContent === '344' \
            && th.getBoundingClientRect().bottom <= innerHeight)",
    )
    .await;
    window.screen("3-the-end").await;

    // Back to the list, to the very row; then up and down the folders.
    window.keys(ESCAPE).await;
    window.sees("README").await;
    let in_list = "return document.activeElement.getAttribute('role') === 'listbox' \
        && document.activeElement.querySelector('.at')?.textContent.includes('penguins.csv');";
    until(&window, in_list).await;
    window.keys("\u{e011}").await;
    window.keys(ENTER).await;
    window.sees("island.png").await;
    window.no_longer_sees("README").await;
    window.screen("4-folder").await;
    window.keys(ENTER).await;
    window.sees("notes.txt").await;
    window.keys(BACKSPACE).await;
    window.sees("island.png").await;
    window.keys(DOWN).await;
    window.keys(ENTER).await;
    window.sees("128 × 128 pixels").await;
    // The page may show pictures that are made anew, and it does.
    let painted = "const img = document.querySelector('section img'); return img.complete && img.naturalWidth === 128;";
    assert!(is_true(&window, painted).await, "the picture is not shown");
    window.screen("5-picture").await;
    window.keys(ESCAPE).await;
    window.click("All files").await;

    window.click("README").await;
    window.sees("Palmer penguins").await;
    window.screen("6-text").await;
    window.click("The next file").await;
    window.sees("a Python pickle").await;
    window.sees("can run whatever its maker wrote").await;
    window.screen("7-pickle").await;
    window.click("The next file").await;
    window.sees("No text, table or picture").await;
    window.click("Its first bytes").await;
    window.sees("00000000").await;
    window.click("The next file").await;
    window.sees("The file is empty.").await;
    window.click("Back to the files").await;

    // Found by name, in whatever folder; what was shown is gone once it is locked.
    window.fill("Find a file", "notes").await;
    window.sees("1 file of 7").await;
    window.screen("8-found").await;
    window.click("pictures/deep/notes.txt").await;
    window.sees("Seen from the ship.").await;
    window.control('l').await;
    window.sees("Welcome back").await;
    let page = "return document.documentElement.outerHTML.includes('Seen from')";
    assert!(!is_true(&window, page).await, "a preview stays behind the lock");
    unlock(&window, &ana).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_told_file_by_file() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, ana) = prepare(root);
    let source = small_dataset(root);
    upload(&ana, &source, "penguins");
    write(&source.join("README"), "Other words\n");
    std::fs::rename(source.join("penguins.csv"), source.join("birds.csv")).expect("renamed");
    write(&source.join("new.txt"), "new");
    write(&source.join("old.txt"), "old");
    upload(&ana, &source, "penguins");
    std::fs::remove_file(source.join("old.txt")).expect("removed");
    upload(&ana, &source, "penguins");
    // As it was before.
    write(&source.join("old.txt"), "old");
    upload(&ana, &source, "penguins");

    let window = unlocked("changes", &ana).await;
    window.click("Birds").await;
    window.click("penguins").await;
    window.sees("birds.csv").await;
    window.press_tab("What changed").await;
    window.sees("1 added").await;
    window.select("Compared with", "Version 2").await;
    window.sees("Nothing changed").await;
    window.screen("1-nothing").await;
    window.select("Compared with", "Version 1").await;
    window.sees("2 added · 1 changed · 1 renamed").await;
    window.sees("penguins.csv").await;
    window.screen("2-since-the-first").await;
    window.click("README").await;
    window.sees("Other words").await;
    window.keys(ESCAPE).await;
    window.sees("2 added · 1 changed · 1 renamed").await;
    window.click("Version 3").await;
    window.press_tab("What changed").await;
    window.sees("1 removed").await;
    window.sees("old.txt").await;
    window.click("Version 1").await;
    window.no_longer_sees("What changed").await;
    window.sees("penguins.csv").await;
    window.close().await;
}

/// However many there are, only those in sight exist in the page, and all of them can be gone to and found.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_in_one_folder() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, ana) = prepare(root);
    let source = folder(root, "many");
    for number in 0..10_000 {
        let path = source.join(format!("sample-{number:05}.txt"));
        std::fs::write(path, format!("sample {number}\n")).expect("a file");
    }
    upload(&ana, &source, "many");
    let window = unlocked("many", &ana).await;
    window.click("Birds").await;
    window.click("many").await;
    window.sees("sample-00000.txt").await;
    window.sees("10,000 files").await;
    let rows = "return document.querySelectorAll('[role=option]').length < 120";
    assert!(is_true(&window, rows).await, "all rows are in the page");
    window.tab_to("Files", "listbox").await;
    // All of them are here once the foot of the list counts them in bytes.
    window.read("//footer//*[.='10,000 files, 119 kB']").await;
    window.keys(END).await;
    window.sees("sample-09999.txt").await;
    window.screen("1-the-last").await;
    assert!(is_true(&window, rows).await, "all rows are in the page");
    window.keys(ENTER).await;
    window.sees("sample 9999").await;
    window.keys(ESCAPE).await;
    window.sees("sample-09999.txt").await;
    window.fill("Find a file", "0777").await;
    window.sees("11 files of 10,000").await;
    window.sees("sample-07770.txt").await;
    window.close().await;
}

/// What decodes a file for the window is the window's own program, with all the libraries that it comes with; yet it has one
/// thread, which the wall around it holds.
#[tokio::test(flavor = "multi_thread")]
async fn the_decoder_is_alone_behind_its_wall() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, gate, ana) = on_the_road(root, "Birds");
    upload(&ana, &small_dataset(root), "penguins");
    let window = unlocked("wall", &ana).await;
    window.click("Birds").await;
    window.click("penguins").await;
    window.sees("penguins.csv").await;
    // Its bytes don't come yet: it waits for them, behind the wall.
    gate.set(Road::After(0));
    window.click("penguins.csv").await;
    window.sees("Fetching the beginning of the file").await;
    let end = Instant::now() + Duration::from_secs(60);
    while window.decoders() != [1] {
        assert!(Instant::now() < end, "{:?} threads", window.decoders());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    window.screen("1-opening").await;
    assert_eq!(window.decoders(), [1]);
    gate.set(Road::Open);
    window.sees("Torgersen").await;
    window.close().await;
}

/// Names and cells that somebody else chose are text, whatever they say, and however long and wide they are.
#[tokio::test(flavor = "multi_thread")]
async fn names_and_cells_that_mean_harm_are_text() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, ana) = prepare(root);
    let source = folder(root, "harm");
    let name = "<img src=x onerror=\"document.title='taken'\">.csv";
    let mut table = String::from("<b>bold</b>,=cmd|' /C calc'!A1,\u{202e}desrever\n");
    let _ = writeln!(
        table,
        "<script>document.title='taken'</script>,{},مرحبا",
        "y".repeat(10_000)
    );
    let _ = writeln!(table, "\"two\nlines\",javascript:alert(1),");
    write(&source.join(name), &table);
    write(&source.join("\u{202e}gpj.exe"), "<svg onload=alert(1)>\n");
    write(&source.join("long ".repeat(48).trim()), "long\n");
    write(&source.join("مجلد/ملف"), "text\n");
    // A thousand columns, and rows that are longer than the first.
    let mut wide = (0..1_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    for row in 0..300 {
        let cells: Vec<String> = (0..1_000).map(|n| format!("{}", row * n)).collect();
        wide.push('\n');
        wide.push_str(&cells.join(","));
    }
    write(&source.join("wide.csv"), wide);
    Dice::new(5).file(&source.join("broken.png"), 4_000);
    let mut broken = std::fs::read(source.join("broken.png")).expect("a file");
    broken.splice(0..16, *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    write(&source.join("broken.png"), broken);
    upload(&ana, &source, "harm");

    let window = unlocked("harm", &ana).await;
    window.click("Birds").await;
    window.click("harm").await;
    window.sees("<img src=x onerror=").await;
    window.sees("\u{fffd}gpj.exe").await;
    window.screen("1-names").await;
    window.click(name).await;
    window.sees("<script>document.title=").await;
    window.sees("Long cells are shown in part.").await;
    window.sees("text, 1 empty").await;
    window.screen("2-cells").await;
    window.click("Back to the files").await;
    window.click("broken.png").await;
    window.sees("damaged, or not what its name says").await;
    window.screen("3-broken").await;
    window.click("Back to the files").await;
    window.click("wide.csv").await;
    window.sees("Only the first 500 of 1,000 columns are shown.").await;
    let cells = "return document.querySelectorAll('td, th').length < 2000";
    assert!(is_true(&window, cells).await, "all cells are in the page");
    let far = "const box = document.querySelector('table').parentElement; box.scrollLeft = 1e6; box.scrollTop = 1e6; return true;";
    assert!(is_true(&window, far).await);
    window.sees("c499").await;
    window.screen("4-wide").await;
    let title = window.script("return document.title", Vec::new()).await;
    assert_eq!(title, "Holdfast");
    window.close().await;
}
