//! Packet filters as `nft list ruleset` and `iptables-save` print them, and what happens in them to a packet that no rule
//! knows.

/// A chain of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// `ip filter`, `inet firewall`.
    pub(super) table: String,
    pub(super) name: String,
    /// `input`, `forward` and others; `None` for a chain that rules only jump to.
    pub(super) hook: Option<String>,
    /// Whether a packet that comes to the end is dropped.
    drops: bool,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// As it was printed.
    text: String,
    /// What is done with every packet that comes to it; `None` when only some are meant, or nothing is decided.
    verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Refuse,
    Return,
    Jump(String),
    Goto(String),
}

/// What becomes of a packet that nothing knows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Accepted,
    /// In the words of what did it.
    Refused(String),
    Returned,
}

/// Chains call each other this deep at most; the kernel allows 16.
const DEPTH: usize = 16;

/// Rules that are followed in one chain: a host may print chains that call each other without end.
const STEPS: usize = 10_000;

impl Chain {
    /// Why a packet that no rule knows does not get through; `None` when it does.
    pub(super) fn refuses(&self, all: &[Chain]) -> Option<String> {
        match self.end(all, DEPTH, &mut 0) {
            End::Refused(words) => Some(words),
            End::Returned if self.drops => Some("policy drop".to_owned()),
            End::Accepted | End::Returned => None,
        }
    }

    fn end(&self, all: &[Chain], depth: usize, steps: &mut usize) -> End {
        let called = |name: &str, steps: &mut usize| {
            let chain = all.iter().find(|chain| chain.table == self.table && chain.name == name);
            chain.filter(|_| depth > 0).map_or(End::Returned, |chain| chain.end(all, depth - 1, steps))
        };
        for rule in &self.rules {
            *steps += 1;
            if *steps > STEPS {
                return End::Returned;
            }
            match &rule.verdict {
                None => {}
                Some(Verdict::Accept) => return End::Accepted,
                Some(Verdict::Refuse) => return End::Refused(rule.text.clone()),
                Some(Verdict::Return) => return End::Returned,
                Some(Verdict::Jump(name)) => match called(name, steps) {
                    End::Returned => {}
                    end => return end,
                },
                Some(Verdict::Goto(name)) => return called(name, steps),
            }
        }
        End::Returned
    }
}

/// What `nft --stateless list ruleset` prints.
pub(super) fn nft(text: &str) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let (mut table, mut inside) = (String::new(), false);
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["table", family, name, "{"] => table = format!("{family} {name}"),
            ["chain", name, "{"] => {
                chains.push(Chain { table: table.clone(), name: (*name).to_owned(), ..Chain::default() });
                inside = true;
            }
            // Sets, maps and the ends of chains and tables. A rule that ends so continues nothing: nft prints one per line.
            [.., "{"] | ["}", ..] => inside = false,
            ["type", kind, "hook", hook, rest @ ..] if inside => {
                if let (Some(chain), "filter") = (chains.last_mut(), *kind) {
                    chain.hook = Some((*hook).to_owned());
                    chain.drops = rest.windows(2).any(|pair| matches!(pair, ["policy", "drop;"]));
                }
            }
            [] => {}
            _ if inside => {
                if let Some(chain) = chains.last_mut() {
                    chain.rules.push(Rule { text: line.to_owned(), verdict: nft_verdict(&words) });
                }
            }
            _ => {}
        }
    }
    chains
}

/// Of a rule that begins with its verdict, after what neither chooses packets nor decides.
fn nft_verdict(words: &[&str]) -> Option<Verdict> {
    let mut words = words;
    loop {
        words = match words {
            ["counter", "packets", _, "bytes", _, rest @ ..] | ["counter", rest @ ..] => rest,
            // The prefix is in quotes and may have spaces in it.
            ["log", rest @ ..] => {
                let verdict =
                    rest.iter().position(|word| matches!(*word, "accept" | "drop" | "reject" | "jump" | "goto"))?;
                let options = |word: &&str| matches!(*word, "prefix" | "level" | "flags" | "group" | "counter");
                let first = rest.first().filter(|_| verdict > 0);
                if first.is_some_and(|word| !options(word)) {
                    return None;
                }
                rest.get(verdict..)?
            }
            ["accept", ..] => return Some(Verdict::Accept),
            ["drop" | "reject", ..] | ["xt", "target", "\"REJECT\"" | "REJECT", ..] => return Some(Verdict::Refuse),
            ["return", ..] => return Some(Verdict::Return),
            ["jump", name, ..] => return Some(Verdict::Jump((*name).to_owned())),
            ["goto", name, ..] => return Some(Verdict::Goto((*name).to_owned())),
            _ => return None,
        };
    }
}

/// What `iptables-legacy-save` prints; the family is `ip` or `ip6`.
pub(super) fn iptables(family: &str, text: &str) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            table = format!("{family} {name}");
        } else if let Some(rest) = line.strip_prefix(':') {
            let mut words = rest.split_whitespace();
            let (name, policy) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let hook = (policy != "-").then(|| name.to_ascii_lowercase());
            chains.push(Chain {
                table: table.clone(),
                name: name.to_owned(),
                hook,
                drops: policy == "DROP",
                rules: Vec::new(),
            });
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let mut words: Vec<&str> = rest.split_whitespace().collect();
            let name = if words.is_empty() { continue } else { words.remove(0) };
            if let Some(chain) = chains.iter_mut().find(|chain| chain.table == table && chain.name == name) {
                chain.rules.push(Rule { text: line.to_owned(), verdict: iptables_verdict(&words) });
            }
        }
    }
    chains
}

/// Of a rule without a condition.
fn iptables_verdict(words: &[&str]) -> Option<Verdict> {
    match words {
        ["-m", "comment", "--comment", rest @ ..] => {
            let target = rest.iter().position(|word| matches!(*word, "-j" | "-g"))?;
            // One word, or several between quotes; anything more is a condition.
            let quoted = rest.first()?.starts_with('"') && rest.get(target - 1)?.ends_with('"');
            if target == 1 || quoted { iptables_verdict(rest.get(target..)?) } else { None }
        }
        ["-j", "ACCEPT", ..] => Some(Verdict::Accept),
        ["-j", "DROP" | "REJECT", ..] => Some(Verdict::Refuse),
        ["-j", "RETURN", ..] => Some(Verdict::Return),
        ["-j", "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "AUDIT" | "TRACE", ..] => None,
        ["-j", name, ..] => Some(Verdict::Jump((*name).to_owned())),
        ["-g", name, ..] => Some(Verdict::Goto((*name).to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(chains: &[Chain]) -> Vec<String> {
        let base = chains.iter().filter(|chain| chain.hook.is_some());
        base.filter_map(|chain| Some(format!("{} {}: {}", chain.table, chain.name, chain.refuses(chains)?))).collect()
    }

    #[test]
    fn a_chain_that_ends_in_a_refusal_refuses_what_it_does_not_know() {
        let oracle = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\
                      \t\tct state related,established counter accept\n\t\ttcp dport 22 ct state new counter accept\n\
                      \t\tcounter reject with icmp type host-prohibited\n\t}\n\n\tchain FORWARD {\n\
                      \t\ttype filter hook forward priority filter; policy accept;\n\
                      \t\tcounter reject with icmp type host-prohibited\n\t}\n}\n";
        assert_eq!(
            refused(&nft(oracle)),
            [
                "ip filter INPUT: counter reject with icmp type host-prohibited",
                "ip filter FORWARD: counter reject with icmp type host-prohibited"
            ]
        );
        let saved = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n\
                     -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n\
                     -A INPUT -m comment --comment \"the rest\" -j REJECT --reject-with icmp-host-prohibited\n\
                     -A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";
        assert_eq!(
            refused(&iptables("ip", saved)),
            [
                "ip filter INPUT: -A INPUT -m comment --comment \"the rest\" -j REJECT --reject-with icmp-host-prohibited",
                "ip filter FORWARD: policy drop"
            ]
        );
    }

    #[test]
    fn a_policy_and_a_jump_count_and_a_condition_does_not() {
        let text = "table inet mine {\n  set nets {\n    type ipv4_addr\n    elements = { 10.0.0.1 }\n  }\n\
                    chain input {\n type filter hook input priority 0; policy drop;\n ip saddr @nets accept\n }\n\
                    chain forward {\n type filter hook forward priority 0; policy accept;\n jump last\n accept\n }\n\
                    chain last {\n log prefix \"no way: \" drop\n }\n\
                    chain more {\n type filter hook forward priority 1; policy drop;\n counter packets 1 bytes 2 accept\n }\n\
                    chain fine {\n type filter hook input priority 2; policy accept;\n iifname \"eth1\" drop\n ct state invalid drop\n }\n\
                    chain nat {\n type nat hook input priority 2; policy drop;\n }\n}\n";
        assert_eq!(
            refused(&nft(text)),
            ["inet mine input: policy drop", "inet mine forward: log prefix \"no way: \" drop"]
        );
    }

    #[test]
    fn chains_that_call_each_other_come_to_an_end() {
        let jumps = "jump a\n".repeat(2000);
        let text =
            format!("table ip x {{\nchain a {{\ntype filter hook input priority 0; policy accept;\n{jumps}}}\n}}\n");
        assert_eq!(refused(&nft(&text)), Vec::<String>::new());
        let text = "table ip x {\nchain a {\ntype filter hook input priority 0; policy accept;\njump b\n}\n\
                    chain b {\njump a\n}\n}\n";
        assert_eq!(refused(&nft(text)), Vec::<String>::new());
        assert_eq!(
            refused(&iptables("ip", "*filter\n:INPUT DROP\n-A \n-A INPUT -m comment --comment -j\n")),
            ["ip filter INPUT: policy drop"]
        );
        let _ = nft("}\n{\nchain\ntable ip\n type filter hook\nlog\n");
    }
}
