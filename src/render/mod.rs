//! Templates: ours from `templates/`, any of which the user can replace.

mod builtin;
mod check;
mod error;
mod escape;
mod folder;
mod yaml;

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tera::{Context, Kwargs, State, Tera};

use crate::secret::Secret;
use builtin::{BUILTIN, Makes};
pub(crate) use check::{check_kinds, check_object};
pub use error::RenderError;

/// Ours are kept under this prefix, so that a user's template can `{% extends "builtin/…" %}` the one that it replaces.
const OURS: &str = "builtin/";

/// All templates, ready to render.
pub struct Templates {
    tera: Tera,
}

impl Templates {
    /// Our templates, with every file of `folder` that has the same name instead of ours.
    ///
    /// Names in `folder` are those below `templates/`, for instance `apiserver/audit-policy.yaml.tera`. A file whose name
    /// begins with `_` is a part that other templates include; any other `.tera` file has to replace something.
    ///
    /// # Errors
    /// When the folder cannot be read, or a template in it is not one or replaces nothing.
    pub fn load(folder: Option<&Path>) -> Result<Self, RenderError> {
        let mut tera = Tera::new();
        tera.autoescape_on([".yaml.tera", ".toml.tera", ".html.tera"]);
        tera.set_escape_fn(escape::escape);
        tera.register_filter("q", |text: &str, _: Kwargs, _: &State<'_>| {
            tera::Value::safe_string(&escape::quoted(text))
        });
        tera.register_filter("json", |value: tera::Value, _: Kwargs, _: &State<'_>| {
            let json = serde_json::to_value(&value).map_err(tera::Error::message)?;
            Ok::<_, tera::Error>(tera::Value::safe_string(&json_text(&json)))
        });
        let broken = |template: &str, error: tera::Error| RenderError::Template {
            template: template.to_owned(),
            cause: error.to_string(),
        };
        tera.set_fallback_prefixes([OURS]).map_err(|error| broken(OURS, error))?;
        let ours = BUILTIN.iter().map(|builtin| (format!("{OURS}{}", builtin.name), builtin.text));
        tera.add_raw_templates(ours).map_err(|error| broken(OURS, error))?;
        let Some(folder) = folder else { return Ok(Self { tera }) };

        let theirs = folder::replacements(folder)?;
        tera.add_raw_templates(theirs).map_err(|error| {
            let name = match error.kind() {
                tera::ErrorKind::SyntaxError(report) => folder.join(report.filename()),
                _ => folder.to_path_buf(),
            };
            broken(&name.display().to_string(), error)
        })?;
        Ok(Self { tera })
    }

    /// The text of template `name`, checked to be what that template has to make.
    ///
    /// # Errors
    /// Whatever is wrong with the template or with what it makes.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, RenderError> {
        let text = self.text(name, context)?;
        self.check(name, &text)?;
        Ok(text)
    }

    /// As [`Templates::render`], for templates with secrets.
    ///
    /// # Errors
    /// Whatever is wrong, without quoting values.
    pub fn render_secret(&self, name: &str, context: &impl Serialize) -> Result<Secret, RenderError> {
        self.render(name, context).map(Secret::new)
    }

    /// The only document of template `name`, parsed.
    ///
    /// # Errors
    /// Whatever is wrong with the template or with what it makes.
    pub(crate) fn document(&self, name: &str, context: &impl Serialize) -> Result<Value, RenderError> {
        let mut documents = self.documents(name, context)?;
        documents.pop().filter(|_| documents.is_empty()).ok_or_else(|| RenderError::WrongKind {
            what: result_of(name),
            found: "something else".to_owned(),
            expected: "one document".to_owned(),
        })
    }

    /// The documents of template `name`, parsed.
    ///
    /// # Errors
    /// Whatever is wrong with the template or with what it makes.
    pub(crate) fn documents(&self, name: &str, context: &impl Serialize) -> Result<Vec<Value>, RenderError> {
        let text = self.text(name, context)?;
        self.check(name, &text)
    }

    fn text(&self, name: &str, context: &impl Serialize) -> Result<String, RenderError> {
        let broken =
            |cause: String| RenderError::Template { template: name.to_owned(), cause: cause.trim().to_owned() };
        let values = serde_json::to_value(context).map_err(|error| broken(error.to_string()))?;
        self.check_variables(name, &values)?;
        let tera_context = Context::from_serialize(context).map_err(|error| broken(error.to_string()))?;
        let (result, refused) =
            escape::watching(&values, name.ends_with(".html.tera"), || self.tera.render(name, &tera_context));
        result.map_err(|error| match refused {
            Some(value) => {
                RenderError::NotPlain { template: name.to_owned(), value: (!is_confidential(name)).then_some(value) }
            }
            None => broken(error.to_string()),
        })
    }

    /// tera takes an undefined variable in `{% if %}` for false; nobody would notice the missing hardening.
    fn check_variables(&self, name: &str, context: &Value) -> Result<(), RenderError> {
        let wanted = self
            .tera
            .get_template_variables(name)
            .map_err(|error| RenderError::Template { template: name.to_owned(), cause: error.to_string() })?;
        let known: Vec<String> = context.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect();
        let mut unknown: Vec<String> =
            wanted.into_iter().filter(|name| !known.iter().any(|field| field == name)).map(str::to_owned).collect();
        unknown.sort();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(RenderError::UnknownVariables { template: name.to_owned(), unknown, known })
    }

    fn check(&self, name: &str, text: &str) -> Result<Vec<Value>, RenderError> {
        let (kinds, quote) = match builtin::find(name).map(|builtin| builtin.makes) {
            Some(Makes::Objects(kinds)) => (kinds, true),
            Some(Makes::SecretObjects(kinds)) => (kinds, false),
            Some(Makes::Yaml) => return check::parse(&result_of(name), text, true),
            Some(Makes::Text) | None => return Ok(Vec::new()),
        };
        let result = result_of(name);
        let documents = check::parse(&result, text, quote)?;
        check_kinds(&result, &documents, kinds)?;
        Ok(documents)
    }
}

/// Documents as one YAML text.
///
/// # Errors
/// When a document cannot be written, which no JSON value should cause.
pub(crate) fn yaml_text(documents: &[Value]) -> Result<String, RenderError> {
    yaml::text(documents).map_err(|what| RenderError::Value { what })
}

/// What errors call the text that a template made.
fn result_of(name: &str) -> String {
    format!("what template {name} makes")
}

fn is_confidential(name: &str) -> bool {
    matches!(builtin::find(name).map(|builtin| builtin.makes), Some(Makes::SecretObjects(_)))
}

/// JSON on one line whose strings are escaped as the filter `q` does. Keys are sorted: tera forgets their order, and the same
/// cluster has to give the same file.
fn json_text(value: &Value) -> String {
    match value {
        Value::String(text) => escape::quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(json_text).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let mut fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{}: {}", escape::quoted(key), json_text(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}
