//! What can be wrong with a template or with a value that goes into one.

use std::path::PathBuf;

use crate::error::{Exit, Problem};

/// Why a file could not be rendered. Values of confidential templates are never part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template engine's own words: syntax, undefined variables, unknown filters.
    #[error("template {template} cannot be used")]
    Template {
        /// Name below `templates/`.
        template: String,
        /// With the place in the template.
        cause: String,
    },
    /// A value was written without quotes although it could be read as something else.
    #[error("template {template} writes a value that is not a plain YAML word without quoting it")]
    NotPlain {
        /// Name below `templates/`.
        template: String,
        /// `None` when the template is confidential.
        value: Option<String>,
    },
    /// A template asks for variables that nobody gives; `{% if %}` would silently take them for false.
    #[error("template {template} uses {}, which does not exist", unknown.join(", "))]
    UnknownVariables {
        /// Name below `templates/`.
        template: String,
        /// What it asks for.
        unknown: Vec<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A template's result, or the user's own file, is not YAML.
    #[error("{what} is not YAML")]
    NotYaml {
        /// Which text.
        what: String,
        /// The parser's words.
        cause: String,
    },
    /// It is YAML of something else.
    #[error("{what} is {found}, where {expected} is needed")]
    WrongKind {
        /// Which text.
        what: String,
        /// `apiVersion/kind` of each document.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// A file of the user's folder replaces none of ours.
    #[error("{} replaces no template", path.display())]
    ReplacesNothing {
        /// The file.
        path: PathBuf,
        /// The name that was probably meant.
        similar: Option<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        cause: String,
    },
    /// A value that the inventory's checks should have refused.
    #[error("{what}")]
    Value {
        /// What is wrong with it.
        what: String,
    },
}

impl From<RenderError> for Problem {
    fn from(error: RenderError) -> Self {
        let problem = Self::new(Exit::Inventory, error.to_string());
        match error {
            RenderError::Template { cause, .. }
            | RenderError::NotYaml { cause, .. }
            | RenderError::Unreadable { cause, .. } => problem.cause(cause),
            RenderError::NotPlain { value, .. } => {
                let problem =
                    problem.next("write {{ name | q }} instead of {{ name }}, or {{ name | json }} for lists");
                match value {
                    Some(value) => problem.cause(format!("the value is {value:?}")),
                    None => problem,
                }
            }
            RenderError::UnknownVariables { known, .. } => problem.next(format!("use one of {}", known.join(", "))),
            RenderError::ReplacesNothing { similar: Some(name), .. } => problem.next(format!("rename it to {name}")),
            RenderError::ReplacesNothing { similar: None, .. }
            | RenderError::WrongKind { .. }
            | RenderError::Value { .. } => problem,
        }
    }
}
