//! A project with old and new versions by several people, and what must be true of it afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Error, Relocked, Session, UploadRequest, UploadedItem};
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{ItemId, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_testkit::Stage;
use holdfast_tests::{Dice, difference};
use tokio_util::sync::CancellationToken;

use holdfast_tests::opener::{Keys, laid_out, raw_log};

/// Somebody's version: item, number from 1, and the folder that it was made of.
pub(crate) type Made = (ItemId, usize, PathBuf);

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) space: SpaceId,
    pub(crate) made: Vec<Made>,
    /// Who is put out, with what he had until then.
    pub(crate) ben: Session,
    pub(crate) carl: Session,
    pub(crate) dice: Dice,
}

pub(crate) async fn upload(
    stage: &Stage,
    who: &Session,
    space: SpaceId,
    name: &str,
    source: &Path,
) -> Result<UploadedItem, Error> {
    let request = UploadRequest {
        kind: ItemKind::Dataset,
        name: name.to_owned(),
        note: "as it came".into(),
        sources: vec![source.to_owned()],
        spool: stage.spool(&who.principal().to_string()),
        include_hidden: true,
    };
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    who.upload(space, request, &progress, &CancellationToken::new()).await
}

pub(crate) async fn relock(stage: &Stage, who: &Session, space: SpaceId) -> Result<Relocked, Error> {
    let spool = stage.spool(&format!("{}-relock", who.principal()));
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    who.relock(space, &spool, &progress, &CancellationToken::new()).await
}

/// A folder of small files and one that is cut.
pub(crate) fn folder(root: &Path, name: &str, dice: &mut Dice, large: u64) -> PathBuf {
    let top = root.join(name);
    dice.file(&top.join("large"), large);
    for number in 0..5 {
        let size = dice.below(20_000);
        dice.file(&top.join("small").join(number.to_string()), size);
    }
    std::fs::create_dir_all(top.join("empty")).expect("a folder");
    std::os::unix::fs::symlink("large", top.join("link")).expect("a link");
    top
}

impl Scene {
    /// Ana and Ben write, Carl may, too; Ben is not out yet.
    pub(crate) async fn new(stage: Stage, ana: &Session, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let ben = stage.person("ben@example.org").await;
        let carl = stage.person("carl@example.org").await;
        let space = ana
            .create_project("Scans", true)
            .await
            .expect("a project")
            .authority()
            .space();
        for handle in ["ben@example.org", "carl@example.org"] {
            ana.share(space, handle, Role::Contributor).await.expect("sharing");
        }
        let root = stage.folder().join("sources");
        let mut made = Vec::new();
        // Ben's second version points into his first one; Ana's is between them.
        for (number, who) in [&ben, ana, &ben].into_iter().enumerate() {
            let source = folder(&root, &format!("common-{number}"), &mut dice, 300_000);
            if number == 2 {
                std::fs::copy(root.join("common-0/large"), source.join("large")).expect("a copy");
            }
            let item = upload(&stage, who, space, "common", &source).await.expect("uploading");
            made.push((item.item, item.number, source));
        }
        let source = folder(&root, "anas", &mut dice, 2_500_000);
        let item = upload(&stage, ana, space, "anas", &source).await.expect("uploading");
        made.push((item.item, item.number, source));
        let source = folder(&root, "trashed", &mut dice, 10_000);
        let item = upload(&stage, ana, space, "trashed", &source).await.expect("uploading");
        made.push((item.item, item.number, source));
        ana.trash_item(space, item.item).await.expect("into the trash");
        for person in [&ben, &carl] {
            person.view(space).await.expect("the project");
        }
        Self {
            stage,
            space,
            made,
            ben,
            carl,
            dice,
        }
    }

    /// Every version is under its number, and what it was made of.
    pub(crate) async fn reads(&self, who: &Session, what: &str) {
        let view = who.view(self.space).await.expect("the project");
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        for (item, number, source) in &self.made {
            let item = &view.space.contents().items()[item];
            let version = &item.versions[number - 1];
            let to = tempfile::tempdir().expect("a folder");
            let got = to.path().join("got");
            who.download(self.space, item, version, &got, &progress, &CancellationToken::new())
                .await
                .unwrap_or_else(|error| panic!("{what}: {} {number}: {error}", item.name));
            let differs = tokio::task::block_in_place(|| difference(source, &got));
            assert_eq!(differs, "", "{what}: {} {number}", item.name);
        }
    }

    /// How many manifests and chunks of live versions open with every key that Ben's device has, and that the log and the packs up
    /// to entry `until` hold for whoever has those.
    pub(crate) async fn opens_for_ben(
        &self,
        reader: &Session,
        old: &[holdfast_tests::opener::Laid],
        until: u64,
    ) -> usize {
        let log: Vec<_> = raw_log(reader, self.space).await;
        let before: Vec<_> = log.into_iter().filter(|signed| signed.entry.seq < until).collect();
        let old: Vec<&holdfast_tests::opener::Laid> = old.iter().collect();
        let store = self.stage.folder().join("ben@example.org.db");
        let keys = Keys::of(&self.ben, &store, &before, &old).await;
        assert!(keys.count() > 20 && keys.opened > 5, "he had nothing");
        let view = reader.view(self.space).await.expect("the project");
        let live = laid_out(reader, &view.space).await;
        let manifests = live.iter().filter(|one| keys.opens_manifest(self.space, one)).count();
        let chunks = live.iter().flat_map(|one| &one.chunks);
        manifests + chunks.filter(|chunk| keys.opens_chunk(chunk)).count()
    }
}
