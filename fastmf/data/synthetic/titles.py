"""Invented titles, so that generated items can be recommended by name."""

from __future__ import annotations

import numpy as np

from fastmf.errors import ParameterError

__all__ = ["MOST_TITLES", "item_titles"]

MOST_TITLES = 65_536
"""Most items a generated table can have; the patterns below make many more titles."""

LAST_YEAR = 2005
YEARS = 80


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES = _words(
    """
    Amber Ashen Borrowed Brass Broken Burning Copper Crooked Distant Drifting Emerald Empty
    Endless Fading Feathered Forgotten Frozen Gilded Glass Golden Hidden Hollow Hungry Idle
    Indigo Ivory Last Lonely Lunar Midnight Missing Narrow Northern Paper Patient Quiet Restless
    Rusted Salted Scarlet Second Secret Seventh Silver Sleeping Stolen Sunken Tangled Thirteenth
    Unlikely Velvet Wandering Whispering Winter Wooden
    """
)
NOUNS = _words(
    """
    Almanac Anchor Archive Atlas Avenue Balloon Bazaar Bell Bridge Candle Carousel Castle Cellar
    Circus Compass Corridor Cottage Crossing Echo Engine Ferry Festival Fortune Fountain Galaxy
    Garden Glacier Harbour Harvest Heron Horizon Island Jury Kite Labyrinth Ladder Lantern
    Library Lighthouse Locket Machine Meadow Mirror Monsoon Orchard Orchestra Parade Planet
    Promise Puzzle Railway Ransom River Satellite Shadow Signal Staircase Storm Summer Telegram
    Theatre Umbrella Valley Verdict Voyage Waltz Wedding Whale Window
    """
)
ROLES = _words(
    """
    Apothecary Astronomer Baker Beekeeper Captain Cartographer Clockmaker Composer Courier
    Detective Diver Ferryman Florist Gambler Glassblower Inventor Jeweller Juggler Magician
    Mapmaker Pilot Piper Postman Printer Puppeteer Ranger Sailmaker Shepherd Signalman Smuggler
    Stargazer Stonemason Tailor Translator Understudy Watchman Weaver
    """
)
PLACES = _words(
    """
    Abermoor Belqaris Caldermouth Dunmarrow Eastmere Elverby Fallowgate Farhaven Glimmerdale
    Hartsvale Ildermoor Juniper Kestrelford Larkhollow Merrowby Mirefield Northwick Oldengrove
    Ostermond Pinewater Quillan Ravensby Rosmere Saltmarsh Silverbeck Southmoor Tamarisk Thornby
    Valdoro Velmora Westerley Willowmere Yarrow Zephyria
    """
)


PATTERNS = (
    "{adjective} {noun}",
    "The {adjective} {noun}",
    "The {noun} of {place}",
    "The {role}'s {noun}",
    "The {role} and the {noun}",
    "One {noun} in {place}",
    "The {role} of {place}",
    "The {adjective} {role}",
    "{adjective} {noun} over {place}",
    "The {adjective} {noun} of {place}",
    "The {role}'s {adjective} {noun}",
)


def item_titles(n: int, seed: int = 0) -> list[str]:
    """Invent distinct titles with a year, such as ``The Clockmaker's Island (1987)``.

    Parameters
    ----------
    n : int
        How many, 0 to 65,536.
    seed : int
        At least 0. Fewer titles of the same seed are the first of more.

    Returns
    -------
    list of str
        n titles, distinct even without their years.

    Raises
    ------
    ParameterError
        If `n` or `seed` is outside its limits.
    """
    if not 0 <= n <= MOST_TITLES:
        raise ParameterError(f"{n:,} titles were asked for, but 0 to {MOST_TITLES:,} can be made")
    if seed < 0:
        raise ParameterError(f"seed is {seed}, but must be at least 0")
    rng = np.random.default_rng(seed)
    titles: dict[str, str] = {}
    while len(titles) < n:
        for pattern, adjective, noun, role, place, age in rng.random((1024, 6)).tolist():
            name = PATTERNS[int(pattern * len(PATTERNS))].format(
                adjective=ADJECTIVES[int(adjective * len(ADJECTIVES))],
                noun=NOUNS[int(noun * len(NOUNS))],
                role=ROLES[int(role * len(ROLES))],
                place=PLACES[int(place * len(PLACES))],
            )
            # The square makes recent years the common ones.
            titles.setdefault(name, f"{name} ({LAST_YEAR - int(age**2 * YEARS)})")
    return list(titles.values())[:n]
