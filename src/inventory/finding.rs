//! What is wrong with an inventory: every finding with its places, shown the way a compiler does.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use super::source::Source;
use crate::error::{Exit, Problem};

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub message: String,
    /// Places in the file (bytes), and what is to be said about each.
    pub labels: Vec<(Range<usize>, String)>,
    /// How to put it right.
    pub help: Option<String>,
}

impl Finding {
    /// Points at a place. One that the file does not have, because a default stands there, is left out.
    pub(super) fn label(&mut self, place: Option<Range<usize>>, text: impl Into<String>) -> &mut Self {
        self.labels.extend(place.map(|place| (place, text.into())));
        self
    }

    /// Says how to put it right.
    pub(super) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }
}

/// The findings in the making.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    /// The file they are about.
    pub(super) source: &'a Source,
    /// So far.
    pub(super) list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// None yet.
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, list: Vec::new() }
    }

    /// One more, to be given its places and its help.
    pub(super) fn add(&mut self, message: impl Into<String>) -> &mut Finding {
        let index = self.list.len();
        self.list.push(Finding { message: message.into(), ..Finding::default() });
        &mut self.list[index]
    }

    /// One more about the value at `path`.
    pub(super) fn at(&mut self, path: &[&str], message: impl Into<String>, label: impl Into<String>) -> &mut Finding {
        let place = self.source.value(path);
        self.add(message).label(place, label)
    }

    /// One more about the last key of `path`.
    pub(super) fn at_key(
        &mut self,
        path: &[&str],
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Finding {
        let place = self.source.key(path);
        self.add(message).label(place, label)
    }
}

/// An inventory that cannot be used, and everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    name: String,
    text: String,
    findings: Vec<Finding>,
}

impl Invalid {
    /// The findings in the order of the file.
    pub(super) fn new(name: &str, text: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.labels.iter().map(|(place, _)| place.start).min());
        Self { name: name.to_owned(), text: text.to_owned(), findings }
    }

    /// Everything that is wrong, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// All findings with the lines they are about.
    pub fn render(&self, color: bool) -> String {
        let count = self.findings.len();
        let mut shown = format!("{} has {count} {}\n", self.name, if count == 1 { "error" } else { "errors" });
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false);
        let source = NamedSource::new(&self.name, self.text.clone());
        for finding in &self.findings {
            shown.push('\n');
            if handler.render_report(&mut shown, &Shown { finding, source: &source }).is_err() {
                shown.push_str(&finding.message);
            }
        }
        shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Invalid {}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(Exit::Inventory, invalid.render(false))
    }
}

/// A finding in the shape that miette shows.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.finding.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        (!self.finding.labels.is_empty()).then_some(self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.finding.labels.iter();
        Some(Box::new(
            labels.map(|(place, text)| {
                LabeledSpan::new((!text.is_empty()).then(|| text.clone()), place.start, place.len())
            }),
        ))
    }
}
