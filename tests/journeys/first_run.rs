//! From nothing to an open window: account, Recovery Kit, first project; then lock, a wrong Master Key, and the right one.

use holdfast_tests::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_in_and_back_in() {
    let root = tempfile::tempdir().expect("a folder");
    let profile = root.path().join("ana");
    let window = Window::open("first-run", &profile).await;
    window.sees("Where will your data live?").await;
    window.screen("1-where").await;
    window.click("Continue").await;
    window.sees("Who are you?").await;
    window.fill("Your name", "Ana Müller").await;
    window.fill("E-mail or name to sign in with", "ana@example.org").await;
    window.screen("2-who").await;
    window.click("Continue").await;
    window.sees("Write it down now").await;
    let words = window
        .script(
            "return [...document.querySelectorAll('[data-test=master-key] li')].map((word) => word.lastChild.textContent).join(' ')",
            Vec::new(),
        )
        .await;
    let words = words.as_str().expect("words").to_owned();
    assert_eq!(words.split(' ').count(), 8, "{words}");
    window.screen("3-master-key").await;
    window.choose("I have written it down").await;
    window.click("Advanced").await;
    window.select("Size of the key pair", "2048 bits").await;
    window.click("Make my keys").await;

    window.sees("Your Recovery Kit").await;
    window.screen("4-kit").await;
    window.will_pick(&[root.path()]);
    window.click("Save the kit as PDF").await;
    window.sees("type two of its words").await;
    window.screen("5-kit-test").await;
    window.close().await;
}
