//! Pictures.

use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdfast_preview::Note;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::support::{As, view};

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([250, 0, 0])
        } else {
            Rgb([0, 0, 250])
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(pixels).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn thumbnail(image: &holdfast_preview::Image) -> DynamicImage {
    let png = BASE64_STANDARD.decode(image.thumbnail_png.as_deref().unwrap()).unwrap();
    image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap()
}

#[test]
fn every_format_gets_a_small_png() {
    for (format, name) in [
        (ImageFormat::Png, "png"),
        (ImageFormat::Jpeg, "jpeg"),
        (ImageFormat::Gif, "gif"),
        (ImageFormat::WebP, "webp"),
        (ImageFormat::Bmp, "bmp"),
    ] {
        // Whatever its name says.
        let view = view("x.csv", &picture(1_200, 300, format));
        let image = view.image();
        assert_eq!((view.format.as_str(), image.width, image.height), (name, 1_200, 300));
        assert_eq!(
            (image.thumbnail_width, image.thumbnail_height),
            (Some(512), Some(128)),
            "{name}"
        );
        let small = thumbnail(image).to_rgb8();
        let (left, right) = (small.get_pixel(50, 64), small.get_pixel(460, 64));
        assert!(
            left[0] > 200 && left[2] < 60 && right[2] > 200 && right[0] < 60,
            "{name}: {left:?} {right:?}"
        );
        assert!(view.notes.is_empty(), "{name}: {:?}", view.notes);
    }
    let small = view("x", &picture(3, 2, ImageFormat::Png));
    assert_eq!(thumbnail(small.image()).width(), 3, "small ones stay as they are");
}

/// Orientation 6: the camera was turned. In a JPEG's Exif block.
#[test]
fn turned_pictures_are_shown_the_right_way_up() {
    let plain = picture(400, 100, ImageFormat::Jpeg);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let turned = [&plain[..2], b"\xff\xe1", &length, exif, &plain[2..]].concat();
    let view = view("x.jpg", &turned);
    assert_eq!((view.image().width, view.image().height), (100, 400));
    let small = thumbnail(view.image()).to_rgb8();
    assert!(small.get_pixel(50, 20)[0] > 200 && small.get_pixel(50, 380)[2] > 200);
}

#[test]
fn damaged_pictures_say_so() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ] {
        let whole = picture(64, 64, format);
        for length in [16, whole.len() / 2] {
            let view = view("x", &whole[..length]);
            // A decoder may make something of half a picture; a panic or an error without a word would fail here.
            let image = view.image();
            assert_eq!(
                image.thumbnail_png.is_none(),
                view.notes.contains(&Note::NotDecoded),
                "{format:?} {length}"
            );
        }
    }
}
