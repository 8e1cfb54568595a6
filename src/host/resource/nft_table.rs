//! An nftables table, loaded exactly as a file says.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A table of the family `inet`, and the file that declares it whole. What other tables hold is not looked at.
#[derive(Clone, Debug)]
pub struct NftTable {
    name: &'static str,
    file: Option<&'static str>,
}

impl NftTable {
    /// Loaded as the file, a resource of its own, says.
    pub fn loaded(name: &'static str, file: &'static str) -> Self {
        Self { name, file: Some(file) }
    }

    /// Not there.
    pub fn absent(name: &'static str) -> Self {
        Self { name, file: None }
    }
}

impl Resource for NftTable {
    fn id(&self) -> String {
        format!("nftables table {}", self.name)
    }

    /// `same`, or the difference between what is loaded and what the file would load: nft writes rules in its own words, so
    /// the file is loaded in an empty network namespace and both are listed.
    fn probe(&self) -> String {
        let list = format!("nft --stateless list table inet {}", quote(self.name));
        let Some(file) = self.file.map(quote) else { return format!("{list} >/dev/null && echo loaded") };
        format!(
            "wanted=$(unshare --net sh -c 'nft --file \"$1\" && {list}' sh {file}) || exit 0\n\
             loaded=$({list}) || exit 0\n\
             if [ \"$wanted\" = \"$loaded\" ]; then echo same; exit 0; fi\n\
             mkdir -p \"$FORGE/nft\"\nprintf '%s\\n' \"$loaded\" >\"$FORGE/nft/loaded\"\n\
             printf '%s\\n' \"$wanted\" >\"$FORGE/nft/wanted\"\n\
             diff -U 2 \"$FORGE/nft/loaded\" \"$FORGE/nft/wanted\" | tail -n +3"
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        match seen {
            "" if self.file.is_none() => None,
            _ if self.file.is_none() => Some(Difference::new(format!("{}: delete", self.id()))),
            "same" => None,
            "" => Some(Difference::new(format!("{}: load", self.id()))),
            diff => Some(Difference { summary: format!("{}: change", self.id()), diff: Some(diff.to_owned()) }),
        }
    }

    fn apply(&self) -> Script {
        match self.file {
            Some(file) => Script::new(format!("nft --file {}", quote(file))),
            None => Script::new(format!("nft delete table inet {}", quote(self.name))),
        }
    }

    fn follows(&self) -> Vec<String> {
        self.file.iter().map(|file| format!("file {file}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_not_as_its_file_says_is_loaded_anew() {
        let table = NftTable::loaded("forge", "/etc/forge/firewall.nft");
        assert_eq!(table.differ("same"), None);
        assert_eq!(table.differ("").unwrap().summary, "nftables table forge: load");
        let changed = table.differ("@@ -1 +1 @@\n-accept\n+drop").unwrap();
        assert_eq!(changed.summary, "nftables table forge: change");
        assert_eq!(changed.diff.unwrap(), "@@ -1 +1 @@\n-accept\n+drop");
        assert_eq!(NftTable::absent("forge").differ(""), None);
        assert_eq!(NftTable::absent("forge").differ("loaded").unwrap().summary, "nftables table forge: delete");
    }
}
