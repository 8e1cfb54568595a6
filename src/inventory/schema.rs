//! The JSON schema of the inventory, for editors and for the check of its structure: made from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::Value;

use super::model::Inventory;

/// The schema as a value. It has no references: every sub-schema stands where it is used.
pub fn schema() -> Value {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.with_transform(Tidy).into_generator().into_root_schema_for::<Inventory>();
    schema.insert("title".to_owned(), "forge inventory".into());
    schema.to_value()
}

/// The schema as the text of `forge.schema.json`.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// Joins wrapped description lines, and drops the defaults of whole sections: their keys have their own.
#[derive(Clone, Debug)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        if schema.get("default").is_some_and(Value::is_object) {
            schema.remove("default");
        }
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        transform_subschemas(self, schema);
    }
}
