//! Hostile names and values through DDL: every statement, read back word by word, is the harmless one but for the one text.
//!
//! In: the statements of `ddl.rs`. Out: a count. The reader here is one of its own, after ClickHouse's lexer: quotes with
//! backslashes and doubling, words, signs; a comment has no place in a statement of ours.
//! Not here: the real engine; `identifiers.rs` asks it.

use crds::analytics_pipeline::PartitionBy;
use crds::columns::{Column, ColumnType, ScalarType};
use operator::clickhouse::ddl::statement;
use operator::clickhouse::mark::Mark;
use operator::clickhouse::table::{Table, TableChange};

use super::hostile;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Identifier(String),
    Text(String),
    Word(String),
    Sign(char),
}

/// Reads a statement as ClickHouse does.
fn tokens(sql: &str) -> Vec<Token> {
    let letters: Vec<char> = sql.chars().collect();
    let (mut at, mut tokens) = (0, Vec::new());
    while let Some(&letter) = letters.get(at) {
        let next = letters.get(at + 1);
        assert!(
            !matches!((letter, next), ('-', Some('-')) | ('/', Some('*')) | ('#', _)),
            "a comment begins outside of quotes: {sql}"
        );
        if letter.is_whitespace() {
            at += 1;
        } else if matches!(letter, '`' | '"' | '\'') {
            let (value, after) = quoted(&letters, at);
            tokens.push(if letter == '\'' { Token::Text(value) } else { Token::Identifier(value) });
            at = after;
        } else if letter.is_alphanumeric() || letter == '_' {
            let is_word = |letter: &&char| letter.is_alphanumeric() || **letter == '_';
            let word: String = letters[at..].iter().take_while(is_word).collect();
            at += word.chars().count();
            tokens.push(Token::Word(word));
        } else {
            tokens.push(Token::Sign(letter));
            at += 1;
        }
    }
    tokens
}

fn quoted(letters: &[char], open: usize) -> (String, usize) {
    let quote = letters[open];
    let (mut at, mut value) = (open + 1, String::new());
    loop {
        match letters.get(at).expect("the quotes end") {
            '\\' => {
                value.push(match letters[at + 1] {
                    '0' => '\0',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    other => other,
                });
                at += 2;
            }
            letter if *letter == quote && letters.get(at + 1) == Some(&quote) => {
                value.push(quote);
                at += 2;
            }
            letter if *letter == quote => return (value, at + 1),
            letter => {
                value.push(*letter);
                at += 1;
            }
        }
    }
}

/// A table in which one text stands wherever a text may stand.
fn table(text: &str) -> Table {
    let column = |name: &str| Column {
        name: name.into(),
        column_type: ColumnType::Plain(ScalarType::Int32),
        comment: text.into(),
    };
    let mark = Mark {
        pipeline: text.into(),
        id: text.into(),
        epoch: 1,
        topic: text.into(),
        topic_id: Some(text.into()),
        cluster: Some(text.into()),
        namespace: Some(text.into()),
        tenant: Some(text.into()),
    };
    Table {
        database: text.into(),
        name: text.into(),
        columns: vec![column(text), column("event_time")],
        partition_by: PartitionBy::Month,
        order_by: vec![text.into(), "event_time".into()],
        ttl_seconds: Some(60),
        mark,
        adopts: false,
    }
}

/// Every statement in which a name or a value of ours can stand.
fn changes(text: &str) -> Vec<TableChange> {
    let wanted = table(text);
    let (name, column) = (wanted.full_name(), wanted.columns[0].clone());
    let (after, from) = (Some(text.to_owned()), "Int8".to_owned());
    vec![
        TableChange::CreateDatabase { database: text.into() },
        TableChange::AddColumn { table: name.clone(), column: column.clone(), after },
        TableChange::ModifyColumn { table: name.clone(), column: column.clone(), from },
        TableChange::CommentColumn { table: name.clone(), column },
        TableChange::ModifyTtl { table: name.clone(), ttl: wanted.ttl() },
        TableChange::ModifyComment { table: name.clone(), mark: wanted.mark.clone() },
        TableChange::DropTable { table: name },
        TableChange::CreateTable(Box::new(wanted)),
    ]
}

#[test]
fn no_text_changes_a_statement_beyond_itself() {
    const HARMLESS: &str = "harmless";
    let mut n_statements = 0;
    for text in hostile::texts() {
        for (change, harmless) in changes(&text).iter().zip(changes(HARMLESS)) {
            let comment = Token::Text(table(HARMLESS).mark.comment());
            let expected: Vec<Token> = tokens(&statement(&harmless))
                .into_iter()
                .map(|token| {
                    if token == Token::Identifier(HARMLESS.into()) {
                        Token::Identifier(text.clone())
                    } else if token == Token::Text(HARMLESS.into()) {
                        Token::Text(text.clone())
                    } else if token == comment {
                        Token::Text(table(&text).mark.comment())
                    } else {
                        token
                    }
                })
                .collect();
            assert_eq!(tokens(&statement(change)), expected, "{text:?}");
            n_statements += 1;
        }
        assert_eq!(Mark::parse(&table(&text).mark.comment()), Some(table(&text).mark), "{text:?}");
    }
    assert!(n_statements >= 500);
    println!("{} hostile texts in {n_statements} statements, none changed one", hostile::texts().len());
}
