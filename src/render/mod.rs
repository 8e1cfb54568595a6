//! Templates: ours from `templates/`, any of which the user can replace.
