//! Commits name the tables of their week where they can, and go through where they cannot.

use super::*;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes something of a week's tables, once for each of their parents.
async fn of_week(sql: &mut PgConnection, week: Week, make: impl Fn(&str) -> String) {
    for parent in ["journal", "runs", "payloads"] {
        let statement = make(&format!("mainstay.{parent}_{}", week.compact()));
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *sql).await.unwrap();
    }
}

#[tokio::test]
async fn a_week_has_one_name_here_and_in_the_database() {
    let Bench { world: _kept, mut sql, .. } = bench().await;
    for number in [0, 1, 2_967, 2_970, 5_000, 10_000] {
        let name: String = sqlx::query_scalar("SELECT mainstay.week_name($1)")
            .bind(number)
            .fetch_one(&mut sql)
            .await
            .unwrap();
        assert_eq!(Week::from_number(number).compact(), name);
    }
}

#[tokio::test]
async fn runs_of_two_weeks_commit_together_each_into_its_own() {
    let Bench { world, mut sql, .. } = bench().await;
    let mut owners = owners(&world, 1).await;
    world.clock.advance(WEEK);
    owners.extend(super::owners(&world, 1).await);
    let weeks: Vec<_> = owners.iter().map(|owner| Week::of(owner.run_id)).collect();
    assert_ne!(weeks[0], weeks[1]);
    let parts = owners.iter().map(|owner| owner.step().unwrap()).collect();
    let answers = world.store.append(parts).await.unwrap();
    assert_eq!(answers, [Appended::Accepted, Appended::Accepted]);
    for week in weeks {
        let steps = format!(
            "SELECT count(*) FROM mainstay.journal_{} WHERE kind = 'step_finished'",
            week.compact()
        );
        let steps: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(steps)).fetch_one(&mut sql).await.unwrap();
        assert_eq!(steps, 1, "{week}");
    }
}

#[tokio::test]
async fn a_step_of_a_week_that_was_dropped_meanwhile_is_fenced() {
    let Bench { world, mut sql, .. } = bench().await;
    let mut owner = owners(&world, 1).await.remove(0);
    let step = owner.step().unwrap();
    owner.accept(&*world.store, step).await.unwrap();
    of_week(&mut sql, Week::of(owner.run_id), |table| format!("DROP TABLE {table}")).await;
    for part in [owner.step().unwrap(), owner.finish(0).unwrap()] {
        let answers = world.store.append(vec![part]).await;
        assert_eq!(answers, Ok(vec![Appended::Fenced { found: None }]));
    }
    // Other weeks are not touched by it.
    world.clock.advance(WEEK);
    let mut owner = owners(&world, 1).await.remove(0);
    owner.accept(&*world.store, owner.finish(0).unwrap()).await.unwrap();
}
