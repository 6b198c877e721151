//! Conditions in CEL: read, checked and metered.
//!
//! The language's own parser and interpreter do the work. What is added here: a source is short,
//! nests little and names only what there is, so that a misspelt variable is found at the start and
//! not at the first call; and every turn of a loop looks at a meter, which no error of the language
//! can swallow.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{
    Context, Env, Value,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, operators},
};
use mainstay_core::flow::check::near;

use super::{
    leading::Leading,
    patterns,
    variables::{METER, NAMES, Variables},
};

/// A condition has at most so many bytes.
pub(crate) const LONGEST: usize = 4 << 10;

/// A condition nests at most so deep, operators and selections included.
pub(super) const DEEPEST: usize = 100;

/// At most so many characters of a message: it may quote arguments.
const QUOTED: usize = 300;

/// The functions that a condition may call. The interpreter has no list of them to ask for.
pub(super) const FUNCTIONS: [&str; 13] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    patterns::MATCHES,
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];

/// Names of types, to compare `type(x)` with.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// A condition that was read.
#[derive(Debug)]
pub(super) struct Condition {
    expression: IdedExpr,
    leading: Leading,
}

/// Reads and evaluates conditions.
pub(super) struct Language {
    env: Arc<Env>,
}

impl Language {
    pub(super) fn new() -> Self {
        let mut env = Env::stdlib().with_optional_support(false);
        patterns::add_to(&mut env);
        Self { env: Arc::new(env) }
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// It cannot be read; the text says where.
    pub(super) fn read(&self, source: &str) -> Result<Condition, String> {
        if source.len() > LONGEST {
            return Err(format!("the condition is longer than {LONGEST} bytes"));
        }
        let parser = self.env.parser();
        let parsed = survive(|| parser.parse(source))?;
        let mut expression = parsed.map_err(|errors| {
            let first = errors.errors.first();
            first.map_or_else(
                || "the condition cannot be read".to_owned(),
                |error| short(format!("{} at {}:{}", error.msg, error.pos.0, error.pos.1 + 1)),
            )
        })?;
        Walk { scope: Vec::new() }.visit(&mut expression, DEEPEST)?;
        let leading = Leading::of(&expression);
        Ok(Condition { expression, leading })
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// It has no value, the value is no truth value, the interpreter panicked, or the meter ran out.
    pub(super) fn holds(&self, condition: &Condition, names: &Variables) -> Result<bool, String> {
        if condition.leading.rules_out(names.question()) {
            return Ok(false);
        }
        let evaluate = || {
            let mut context = Context::with_env(Arc::clone(&self.env));
            context.set_variable_resolver(names);
            context.resolve(&condition.expression)
        };
        let value = survive(evaluate)?;
        // Whatever the value: `slow || true` is true in the language, and slow all the same.
        if let Some(why) = names.stopped() {
            return Err(why.to_owned());
        }
        match value {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("is no truth value but {}", other.type_of())),
            Err(error) => Err(short(patterns::as_written(&error.to_string()))),
        }
    }
}

/// Survives a panic of the interpreter, which keeps nothing between two evaluations.
fn survive<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(&*panic))
}

/// Says that something panicked, and how.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    short(format!("the evaluation panicked: {}", text.unwrap_or("without a message")))
}

/// Cuts a message that may quote arguments.
pub(super) fn short(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(QUOTED) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// Goes through an expression once: checks its names and its depth, and meters its loops.
struct Walk {
    scope: Vec<String>,
}

impl Walk {
    fn visit(&mut self, node: &mut IdedExpr, deeper: usize) -> Result<(), String> {
        let below = deeper.checked_sub(1);
        let below = below.ok_or_else(|| format!("it nests deeper than {DEEPEST} levels"))?;
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.visit(&mut select.operand, below),
            Expr::List(list) => self.all(&mut list.elements, below),
            Expr::Struct(made) => Err(format!("there is no type `{}`", made.type_name)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key, below)?;
                    self.visit(&mut entry.value, below)
                }
                EntryExpr::StructField(field) => self.visit(&mut field.value, below),
            }),
            Expr::Call(call) => {
                function(&call.func_name)?;
                patterns::keep(call);
                if let Some(target) = &mut call.target {
                    self.visit(target, below)?;
                }
                self.all(&mut call.args, below)
            }
            Expr::Comprehension(turns) => self.comprehension(turns, below),
        }
    }

    fn all(&mut self, nodes: &mut [IdedExpr], deeper: usize) -> Result<(), String> {
        nodes.iter_mut().try_for_each(|node| self.visit(node, deeper))
    }

    fn comprehension(&mut self, turns: &mut ComprehensionExpr, below: usize) -> Result<(), String> {
        self.visit(&mut turns.iter_range, below)?;
        self.visit(&mut turns.accu_init, below)?;
        let outside = self.scope.len();
        self.scope.extend([turns.accu_var.clone(), turns.iter_var.clone()]);
        self.scope.extend(turns.iter_var2.clone());
        for inner in [&mut turns.loop_cond, &mut turns.loop_step, &mut turns.result] {
            self.visit(inner, below)?;
        }
        self.scope.truncate(outside);
        let looked_at = each_turn(turns);
        metered(looked_at);
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), String> {
        let bare = name.strip_prefix('.').unwrap_or(name);
        let mine = self.scope.iter().any(|own| own == name);
        if mine || NAMES.contains(&bare) || TYPES.contains(&bare) {
            return Ok(());
        }
        Err(format!("there is no variable `{name}`; {}", near::hint(bare, NAMES.into_iter())))
    }
}

fn function(name: &str) -> Result<(), String> {
    let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    if operator || FUNCTIONS.contains(&name) {
        return Ok(());
    }
    Err(format!("there is no function `{name}`; {}", near::hint(name, FUNCTIONS.into_iter())))
}

/// Returns an expression that is evaluated in each turn. The interpreter appends in place where a
/// step has the form `list + [item]`, so that form is kept.
fn each_turn(turns: &mut ComprehensionExpr) -> &mut IdedExpr {
    let appends = |step: &IdedExpr| {
        matches!(&step.expr, Expr::Call(call) if call.func_name == operators::ADD
            && matches!(call.args.get(1), Some(IdedExpr { expr: Expr::List(list), .. })
                if list.elements.len() == 1))
    };
    let guarded = matches!(&turns.loop_step.expr, Expr::Call(call)
        if call.func_name == operators::CONDITIONAL && call.args.get(1).is_some_and(appends));
    if guarded {
        if let Expr::Call(CallExpr { args, .. }) = &mut turns.loop_step.expr
            && let Some(guard) = args.first_mut()
        {
            return guard;
        }
    } else if appends(&turns.loop_step)
        && let Expr::Call(CallExpr { args, .. }) = &mut turns.loop_step.expr
        && let Some(IdedExpr { expr: Expr::List(list), .. }) = args.get_mut(1)
        && let Some(item) = list.elements.first_mut()
    {
        return item;
    }
    &mut turns.loop_cond
}

/// Makes an expression look at the meter first.
fn metered(node: &mut IdedExpr) {
    let meter = || IdedExpr { id: node.id, expr: Expr::Ident(METER.to_owned()) };
    let (look, otherwise) = (meter(), meter());
    let expression = std::mem::take(node);
    node.id = expression.id;
    node.expr = Expr::Call(CallExpr {
        func_name: operators::CONDITIONAL.to_owned(),
        target: None,
        args: vec![look, expression, otherwise],
    });
}
