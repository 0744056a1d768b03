//! The list of conditions: how the states of the steps become what `kubectl`, Argo CD and Flux read.
//!
//! In: the conditions before and the [`Step`]s of a reconcile. Out: the new list, in one fixed order.
//! Not here: any clock; `now` is an argument and stands only where a status has changed, so a settled object stays as it is.
//!
//! kstatus reads: `Reconciling` True is InProgress, `Stalled` True is Failed, else `Ready` decides. So both are present only
//! when True, and never both.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{ConditionType, Reason};

/// Greatest length of a message that the apiserver takes.
const MESSAGE_LENGTH: usize = 32_768;

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody has looked yet.
    Unknown,
}

impl Truth {
    /// Returns the word that stands in a condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is as the spec says. The reason is `Succeeded`, or `Suspended` where that is the wish.
    Done(Reason),
    /// Work is under way and ends by itself.
    Progressing(Reason),
    /// It failed and is tried again: nobody has to change the spec.
    Retrying(Reason),
    /// It waits until somebody changes something.
    Stalled(Reason),
    /// A step before it has not ended well.
    NotReached,
}

/// One step of a reconcile, for the condition of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Type of its condition, such as `TopicReady`.
    pub kind: ConditionType,
    /// How far it has come.
    pub state: State,
    /// What is so, and what to do.
    pub message: String,
}

impl Step {
    /// Builds a step.
    pub fn new(kind: ConditionType, state: State, message: impl Into<String>) -> Self {
        Self { kind, state, message: message.into() }
    }

    fn truth(&self) -> Truth {
        match self.state {
            State::Done(_) => Truth::True,
            State::Progressing(_) | State::Retrying(_) | State::Stalled(_) => Truth::False,
            State::NotReached => Truth::Unknown,
        }
    }

    fn reason(&self) -> Reason {
        match self.state {
            State::Done(reason)
            | State::Progressing(reason)
            | State::Retrying(reason)
            | State::Stalled(reason) => reason,
            State::NotReached => Reason::Progressing,
        }
    }

    /// The most urgent step speaks for the whole.
    fn urgency(&self) -> u8 {
        match self.state {
            State::Stalled(_) => 5,
            State::Retrying(_) => 4,
            State::Progressing(_) => 3,
            State::NotReached => 2,
            State::Done(Reason::Succeeded) => 0,
            State::Done(_) => 1,
        }
    }
}

/// Builds the list of conditions from the steps of a reconcile: one a step, then `Ready`, then `Reconciling` or `Stalled`.
///
/// `before` gives the transition times; `generation` is the one of the spec that the steps speak of.
#[must_use]
pub fn report(before: &[Condition], steps: &[Step], generation: Option<i64>, now: &Time) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = before.to_vec();
    let mut order = Vec::new();
    let mut state = |conditions: &mut Vec<Condition>, kind: ConditionType, truth, reason, message: &str| {
        order.push(kind.to_string());
        set(conditions, Finding { kind, truth, reason, message, generation }, now);
    };
    for step in steps {
        state(&mut conditions, step.kind, step.truth(), step.reason(), &step.message);
    }
    // The first of the most urgent ones: later steps often fail because an earlier one did.
    let most = steps.iter().map(Step::urgency).max().unwrap_or(0);
    let speaker = steps.iter().find(|step| step.urgency() == most);
    let (reason, message) =
        speaker.map_or((Reason::Succeeded, ""), |step| (step.reason(), step.message.as_str()));
    let ready = most <= 1;
    let message = if most == 0 { "all is as the spec says" } else { message };
    state(&mut conditions, ConditionType::Ready, ready.into(), reason, message);
    match most {
        5 => state(&mut conditions, ConditionType::Stalled, Truth::True, reason, message),
        2..=4 => state(&mut conditions, ConditionType::Reconciling, Truth::True, reason, message),
        _ => {}
    }
    conditions.retain(|condition| order.contains(&condition.type_));
    conditions.sort_by_key(|condition| order.iter().position(|kind| *kind == condition.type_));
    conditions
}

/// What a condition says, all but when it began to.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// Type of the condition.
    pub kind: ConditionType,
    /// Its status.
    pub truth: Truth,
    /// Why.
    pub reason: Reason,
    /// What is so, and what to do.
    pub message: &'a str,
    /// Generation of the spec that it speaks of.
    pub generation: Option<i64>,
}

/// Puts a condition into the list; its transition time is `now` when the status is new or another, else the one before.
pub fn set(conditions: &mut Vec<Condition>, finding: Finding<'_>, now: &Time) {
    let mut message = finding.message.to_owned();
    message.truncate(message.floor_char_boundary(MESSAGE_LENGTH));
    let mut wanted = Condition {
        type_: finding.kind.to_string(),
        status: finding.truth.as_str().to_owned(),
        reason: finding.reason.as_str().to_owned(),
        message,
        observed_generation: finding.generation,
        last_transition_time: now.clone(),
    };
    match conditions.iter_mut().find(|known| known.type_ == wanted.type_) {
        Some(known) => {
            if known.status == wanted.status {
                wanted.last_transition_time = known.last_transition_time.clone();
            }
            *known = wanted;
        }
        None => conditions.push(wanted),
    }
}
