//! The second secret: as text, in the derivation, and what is refused before any work.

use holdfast_crypto::{Error, KdfRecord, Phrase, Prk, SecondSecret, second_secret_of};

use crate::support::TestRng;

fn refused(text: &str) -> bool {
    matches!(SecondSecret::parse(text), Err(Error::SecondSecret(_)))
}

#[test]
fn what_is_shown_is_what_is_read_in_any_layout() {
    let mut rng = TestRng::new(17);
    for _ in 0..50 {
        let made = SecondSecret::make(&mut rng);
        let text = made.text();
        assert_eq!(text.len(), 39);
        assert!(text.split('-').count() == 8 && text.split('-').all(|group| group.len() == 4));
        assert!(!text.contains(['I', 'L', 'O', 'U']));
        let bare = text.replace('-', "");
        for typed in [
            text.to_string(),
            text.to_lowercase(),
            bare.clone(),
            format!("  {}\r\n{}\t", &bare[..9], &bare[9..]),
            text.replace('0', "o").replace('1', "l"),
            text.replace('0', "O").replace('1', "I"),
            text.replace('-', " \u{a0}- "),
        ] {
            assert!(SecondSecret::parse(&typed).is_ok_and(|read| read == made), "{typed}");
        }
    }
    assert!(SecondSecret::make(&mut rng) != SecondSecret::make(&mut rng));
}

#[test]
fn every_slip_of_a_finger_is_noticed() {
    let text = second_secret_of(b"sixteen bytes ok").text();
    let good: Vec<char> = text.replace('-', "").chars().collect();
    for place in 0..good.len() {
        for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
            .chars()
            .filter(|one| *one != good[place])
        {
            let mut typed = good.clone();
            typed[place] = other;
            assert!(refused(&typed.iter().collect::<String>()), "{place} {other}");
        }
        let mut short = good.clone();
        short.remove(place);
        assert!(refused(&short.iter().collect::<String>()));
        if place > 0 && good[place] != good[place - 1] {
            let mut swapped = good.clone();
            swapped.swap(place, place - 1);
            assert!(refused(&swapped.iter().collect::<String>()));
        }
    }
    for wrong in [
        "",
        "-",
        "U",
        "\u{ff10}",
        &format!("{}0", *text),
        &"0".repeat(10_000),
        &text.replace('-', "_"),
    ] {
        assert!(refused(wrong), "{wrong}");
    }
    // Ten times the honest text is still read; a character more, or many more, is not.
    for (length, is_read) in [(320, true), (321, false), (400, false)] {
        let room = " ".repeat(length - text.len());
        assert_eq!(!refused(&format!("{}{room}", *text)), is_read, "{length}");
    }
}

/// A record that was exchanged gives other keys or nothing; nothing is derived where one is missing or too many.
#[test]
fn the_record_decides_and_is_bound() {
    let phrase = Phrase::new("correct horse").unwrap();
    let second = second_secret_of(&[5; 16]);
    let plain = KdfRecord::new(17, [7; 32]).unwrap();
    let record = plain.clone().with_second();
    assert!(record.takes_second() && !plain.takes_second() && record != plain);
    assert_eq!(KdfRecord::decode(&record.encode()).unwrap(), record);

    let root = |second: Option<&SecondSecret>, record: &KdfRecord| {
        Prk::derive_with(&phrase, second, record).map(|root| *root.expose())
    };
    assert_eq!(root(None, &record).err(), Some(Error::SecondSecretNeeded));
    assert_eq!(Prk::derive(&phrase, &record).err(), Some(Error::SecondSecretNeeded));
    assert_eq!(root(Some(&second), &plain).err(), Some(Error::SecondSecretDropped));

    let good = root(Some(&second), &record).unwrap();
    assert_eq!(root(Some(&second), &record).unwrap(), good);
    assert_ne!(
        root(None, &plain).unwrap(),
        good,
        "the id is in the salt of the extraction"
    );
    let mut all = vec![good];
    for bit in [0, 63, 127] {
        let mut bytes = [5; 16];
        bytes[bit / 8] ^= 1 << (bit % 8);
        all.push(root(Some(&second_secret_of(&bytes)), &record).unwrap());
    }
    all.push(root(Some(&second), &KdfRecord::new(17, [8; 32]).unwrap().with_second()).unwrap());
    for (place, one) in all.iter().enumerate() {
        assert!(all[..place].iter().all(|other| other != one));
    }
}

/// A record of a huge cost would take minutes; that it is refused at once shows that nothing was stretched.
#[test]
fn what_is_missing_is_told_before_any_work() {
    let phrase = Phrase::new("x").unwrap();
    let dear = KdfRecord::new(21, [7; 32]).unwrap();
    let begun = std::time::Instant::now();
    assert!(Prk::derive(&phrase, &dear.clone().with_second()).is_err());
    assert!(Prk::derive_with(&phrase, Some(&second_secret_of(&[1; 16])), &dear).is_err());
    assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
}

#[test]
fn beside_it_a_phrase_may_be_shorter_and_not_silly() {
    let floor = holdfast_crypto::MIN_PHRASE_BITS_WITH_SECOND;
    assert!(matches!(
        Phrase::check_at_least("password1", floor),
        Err(Error::WeakPhrase(_))
    ));
    assert!(matches!(
        Phrase::check_at_least("1234", floor),
        Err(Error::WeakPhrase(_))
    ));
    assert_eq!(Phrase::check_at_least("vermilion tacos at 6 am", floor), Ok(()));
    assert!(Phrase::check_strength("vermilion tacos at 6 am").is_err());
}
