//! Paths of OUs: names from the root, such as `/Workloads/Production`; a `/` inside a name is written `\/`, a `\` is `\\`.

/// Byte positions of the slashes that separate names: those after an even number of backslashes.
fn slashes(path: &str) -> impl DoubleEndedIterator<Item = usize> {
    let separates = |at: &usize| {
        let before = path.as_bytes().iter().take(*at).rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    };
    path.match_indices('/').map(|(at, _)| at).filter(separates)
}

/// Path of the OU or root above; `/` for OUs right under the root, and for the root itself.
pub fn parent(path: &str) -> &str {
    match slashes(path).next_back() {
        None | Some(0) => "/",
        Some(at) => path.get(..at).unwrap_or("/"),
    }
}

/// The OU's own name as AWS knows it.
pub fn name(path: &str) -> String {
    let last = slashes(path).next_back().and_then(|at| path.get(at + 1..)).unwrap_or(path);
    unescaped(last)
}

/// The path itself and those above it, from the top; the root is not among them.
pub fn with_ancestors(path: &str) -> Vec<&str> {
    let mut all: Vec<&str> = slashes(path).filter(|at| *at > 0).filter_map(|at| path.get(..at)).collect();
    if path != "/" {
        all.push(path);
    }
    all
}

/// A name as AWS has it: what follows a backslash stands for itself.
fn unescaped(name: &str) -> String {
    let mut letters = name.chars();
    let mut out = String::with_capacity(name.len());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next().unwrap_or('\\')),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_and_names() {
        let table = [
            ("/Security", "/", "Security"),
            ("/Workloads/Production", "/Workloads", "Production"),
            ("/A\\/B", "/", "A/B"),
            ("/A\\/B/C", "/A\\/B", "C"),
            ("/A\\\\/C", "/A\\\\", "C"),
            ("/A\\\\", "/", "A\\"),
        ];
        for (path, above, own) in table {
            assert_eq!((parent(path), name(path).as_str()), (above, own), "{path}");
        }
    }

    #[test]
    fn ancestors_come_from_the_top() {
        assert_eq!(with_ancestors("/A\\/B/C/D"), ["/A\\/B", "/A\\/B/C", "/A\\/B/C/D"]);
        assert!(with_ancestors("/").is_empty());
    }
}
