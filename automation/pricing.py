"""The command `prices`: what the book of prices has, its refresh, and what a policy asks of it."""

from pathlib import Path
from typing import Annotated

import typer

from automation.flags import Json

Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="NAME", help="This region alone, as eu-central-1; may be repeated."),
]


def add(app: typer.Typer) -> None:
    """Give the command its verb."""
    app.command(
        epilog="\b\nmodelport prices --region eu-central-1\nmodelport prices --update --region eu-central-1\n"
        "modelport prices --policy-config --region eu-central-1 > prices-policy.json",
        short_help="Show or refresh the prices that costs are reckoned with.",
    )(prices)


def prices(
    update: Annotated[bool, typer.Option("--update", help="Read the clouds' public price lists.")] = False,
    region: Regions = None,
    book: Annotated[
        Path | None,
        typer.Option("--book", metavar="FILE", help="A book of your own: shown over the rest, or refreshed."),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option("--mirror", metavar="URL", help="A server that has copies of the clouds' lists.")
    ] = None,
    policy_config: Annotated[
        bool, typer.Option("--policy-config", help="Write the setting prices of the policy cost-ceiling.")
    ] = False,
    json: Json = False,
) -> None:
    """Show which prices costs are reckoned with, from which list and of which day, or refresh them.

    AWS's lists are public. Google's catalog wants an API key in GOOGLE_API_KEY.
    """
    from automation.costs.command import prices as do

    raise typer.Exit(
        do(
            update=update,
            regions=tuple(region or ()),
            path=book,
            mirror=mirror,
            as_policy=policy_config,
            as_json=json,
        )
    )
