//! Exit codes: how a command ended, for scripts.
//!
//! In: nothing. Out: the codes, and the text that `--help` and the reference show.
//! Not here: which command ends how; each says so in its own help.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is wrong.
    Clean,
    /// Something is wrong with what was given.
    Findings,
    /// The command could not run.
    NotRun,
    /// The change breaks something that is there.
    Breaking,
}

impl Exit {
    /// Returns the code of the process.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings => 1,
            Self::NotRun => 2,
            Self::Breaking => 3,
        }
    }
}

/// The codes of `lint`.
pub const LINT: &str = "\
Exit codes:
  0  nothing is wrong
  1  something is wrong; every finding is printed
  2  it could not run: a file cannot be read, an argument is wrong";

/// The codes of `plan`.
pub const PLAN: &str = "\
Exit codes:
  0  everything can be applied, or nothing is to be done
  1  without --against and --online: something would be refused; with --online: something could not be looked at, and all else can be applied
  2  it could not run: a file cannot be read, an argument is wrong, the apiserver does not answer
  3  with --against or --online: a change would be refused, or rows and records would be deleted";

/// The codes of `schema check`.
pub const CHECK: &str = "\
Exit codes:
  0  compatible
  1  a schema is wrong by itself
  2  it could not run: a file cannot be read, no EventSchema stands in both
  3  breaking";

/// The codes of `schema infer`.
pub const INFER: &str = "\
Exit codes:
  0  every sample is accepted by what is written
  1  some sample is accepted by no schema; comments at the end name its line and why
  2  it could not run: a file cannot be read, no event names its type";

/// The codes of `test`.
pub const TEST: &str = "\
Exit codes:
  0  the events were run and, with --expect, everything is as expected
  1  something differs from what is expected, or something is wrong with the objects
  2  it could not run: a file cannot be read, no pipeline can be chosen";

/// The codes of commands that only ask, or do one thing.
pub const ASKED: &str = "\
Exit codes:
  0  it is done
  2  it could not run: a name is not there, somebody does not answer";

/// The codes of `status`.
pub const STATUS: &str = "\
Exit codes:
  0  the stream is Ready
  1  it is not
  2  it could not run: the name is not there, the apiserver does not answer";

/// The codes of `audit`.
pub const AUDIT: &str = "\
Exit codes:
  0  nothing is lost and nothing is doubled
  1  something is; the first positions are named
  2  it could not run: a name is not there, somebody does not answer";

/// The codes of `send`.
pub const SEND: &str = "\
Exit codes:
  0  every event is a row
  1  some event is not
  2  it could not run: a file cannot be read, a name is not there, somebody does not answer";

/// The codes of `dead-letters NAME show`.
pub const SHOW: &str = "\
Exit codes:
  0  it is shown
  2  it could not run: there is no such letter, somebody does not answer";

/// The codes of `dead-letters NAME replay`.
pub const REPLAY: &str = "\
Exit codes:
  0  every letter that was meant is settled: sent and stored, or nothing is to be sent for it
  1  some letter is still rejected, cut or left out, or its record was not stored
  2  it could not run: a name is not there, somebody does not answer; what was sent until then is not sent again";
