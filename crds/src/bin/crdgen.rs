//! Writes the generated files: definitions and reference.
//!
//! In: the types of this crate. Out: the files of [`crds::generated::files`], below the folder where it is started.
//! Not here: any check; `cargo test -p crds` says whether they are current, and repairs them too.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    for (path, text) in crds::generated::files()? {
        if let Some(folder) = Path::new(&path).parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
