//! Files: the texts that `-f` names.
//!
//! In: paths, of files, folders or `-`. Out: [`Source`]s in the order in which `kubectl apply` would take them.
//! Not here: what stands in them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Ends of the names that are taken from a folder, as kubectl does.
const ENDS: [&str; 3] = ["yaml", "yml", "json"];

/// A text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path as it was given, or `-`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A path cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Reading failed.
    #[error("failed to read `{path}`")]
    Read {
        /// Path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder holds nothing to take.
    #[error(
        "folder `{path}` holds no file that ends in .yaml, .yml or .json; name another one, or add -R for the folders in it"
    )]
    Empty {
        /// Path.
        path: String,
    },
}

/// Reads what the paths name.
///
/// # Errors
/// When one of them cannot be read, or a folder holds nothing.
pub fn read(paths: &[PathBuf], recursive: bool, input: &mut dyn Read) -> Result<Vec<Source>, FilesError> {
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            input.read_to_string(&mut text).map_err(|source| failed(path, source))?;
            sources.push(Source { name: "-".to_owned(), text });
        } else if path.is_dir() {
            let mut files = Vec::new();
            walk(path, recursive, &mut files)?;
            if files.is_empty() {
                return Err(FilesError::Empty { path: path.display().to_string() });
            }
            for file in &files {
                sources.push(read_one(file)?);
            }
        } else {
            sources.push(read_one(path)?);
        }
    }
    Ok(sources)
}

/// Reads one file.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_one(path: &Path) -> Result<Source, FilesError> {
    let text = fs::read_to_string(path).map_err(|source| failed(path, source))?;
    Ok(Source { name: path.display().to_string(), text })
}

fn walk(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), FilesError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        paths.push(entry.map_err(|source| failed(folder, source))?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if recursive {
                walk(&path, recursive, files)?;
            }
        } else if path.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> FilesError {
    FilesError::Read { path: path.display().to_string(), source }
}
