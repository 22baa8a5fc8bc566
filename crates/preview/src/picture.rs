//! Pictures: their size from the first bytes, and a small copy made anew from the pixels.

use std::io::{self, BufReader, Cursor};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::limits::{PICTURE, PICTURE_FILE, THUMBNAIL, WINDOW};
use crate::show::Page;
use crate::source::Source;
use crate::view::{Image, Note, Shown};

/// Which kind of picture begins like that.
pub(crate) fn format(head: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(head).ok()?;
    // Two letters alone begin many a text, too.
    let plausible = format != ImageFormat::Bmp || head.get(6..10) == Some(&[0; 4]);
    name(format).filter(|_| plausible).map(|_| format)
}

fn name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png => Some("png"),
        ImageFormat::Jpeg => Some("jpeg"),
        ImageFormat::Gif => Some("gif"),
        ImageFormat::WebP => Some("webp"),
        ImageFormat::Bmp => Some("bmp"),
        _ => None,
    }
}

/// Shows a picture.
pub(crate) fn show(source: &Source, head: &[u8], format: ImageFormat) -> io::Result<Page> {
    let mut notes = Vec::new();
    let mut shown = Image::default();
    let outcome = if source.size > PICTURE_FILE {
        // The size alone stands in the first bytes.
        let reader = ImageReader::with_format(Cursor::new(head.to_vec()), format);
        match reader.into_dimensions() {
            Ok((width, height)) => {
                (shown.width, shown.height) = (width, height);
                Err(Note::TooLarge)
            }
            Err(_) => Err(Note::NotDecoded),
        }
    } else {
        decode(source, format, &mut shown)
    };
    match outcome {
        Ok(picture) => {
            let small = picture.thumbnail(THUMBNAIL.min(picture.width()), THUMBNAIL.min(picture.height()));
            let mut png = Cursor::new(Vec::new());
            if small.write_to(&mut png, ImageFormat::Png).is_ok() {
                shown.thumbnail_png = Some(BASE64_STANDARD.encode(png.into_inner()));
                shown.thumbnail_width = Some(small.width());
                shown.thumbnail_height = Some(small.height());
            }
            if moves(head, format) {
                notes.push(Note::FirstFrame);
            }
        }
        Err(note) => notes.push(note),
    }
    Ok(Page {
        shown: Shown::Image(shown),
        format: name(format).unwrap_or("unknown"),
        truncated: false,
        next: None,
        notes,
    })
}

/// The picture, the right way up. Whatever its header says, no more memory is taken than [`PICTURE`].
fn decode(source: &Source, format: ImageFormat, shown: &mut Image) -> Result<DynamicImage, Note> {
    let mut reader = ImageReader::with_format(BufReader::with_capacity(WINDOW, source.reader(0)), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(PICTURE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| Note::NotDecoded)?;
    (shown.width, shown.height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let is_turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    if is_turned {
        (shown.width, shown.height) = (shown.height, shown.width);
    }
    if decoder.total_bytes() > PICTURE {
        return Err(Note::TooLarge);
    }
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| match error {
        image::ImageError::Limits(_) => Note::TooLarge,
        _ => Note::NotDecoded,
    })?;
    // Made small first: turning makes a copy.
    if picture.width() > THUMBNAIL || picture.height() > THUMBNAIL {
        picture = picture.thumbnail(THUMBNAIL, THUMBNAIL);
    }
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Whether there is more than one picture in it, as far as its first bytes tell.
fn moves(head: &[u8], format: ImageFormat) -> bool {
    let holds = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
    match format {
        ImageFormat::Gif => holds(b"NETSCAPE2.0"),
        ImageFormat::WebP => holds(b"ANIM"),
        ImageFormat::Png => holds(b"acTL"),
        _ => false,
    }
}
