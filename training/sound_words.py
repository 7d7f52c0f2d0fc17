"""How kinds of sound are put into words: AudioSet's display names in plain English, and phrasings of any name."""

from __future__ import annotations

import re

PHRASINGS = ("{}", "the sound of {}", "sound of {}", "a recording of {}", "{} sound", "you can hear {}")

PLAIN = {
    "Bow-wow": "a dog barking", "Bark": "a dog barking", "Yip": "a small dog yapping", "Howl": "a dog or wolf howling",
    "Growling": "a dog growling", "Whimper (dog)": "a dog whimpering", "Purr": "a cat purring",
    "Meow": "a cat meowing", "Hiss": "a snake or cat hissing", "Caterwaul": "cats fighting and yowling",
    "Clip-clop": "a horse's hooves", "Neigh, whinny": "a horse neighing", "Moo": "a cow mooing",
    "Cattle, bovinae": "cows", "Oink": "a pig grunting", "Bleat": "a sheep or goat bleating",
    "Fowl": "chickens and other poultry", "Chicken, rooster": "a chicken or rooster", "Cluck": "a hen clucking",
    "Crowing, cock-a-doodle-doo": "a rooster crowing", "Gobble": "a turkey gobbling", "Quack": "a duck quacking",
    "Honk": "a goose honking", "Roaring cats (lions, tigers)": "a lion or tiger roaring",
    "Roar": "a lion roaring", "Bird vocalization, bird call, bird song": "a bird singing",
    "Chirp, tweet": "a bird chirping", "Squawk": "a parrot squawking", "Coo": "a pigeon cooing",
    "Caw": "a crow cawing", "Hoot": "an owl hooting", "Canidae, dogs, wolves": "dogs or wolves",
    "Patter": "pattering small feet", "Cricket": "crickets chirping", "Buzz": "an insect buzzing",
    "Croak": "a frog croaking", "Rattle": "a rattling", "Baby cry, infant cry": "a baby crying",
    "Crying, sobbing": "someone crying", "Speech": "someone speaking", "Whoop": "someone whooping",
    "Bellow": "someone bellowing", "Babbling": "a baby babbling", "Pant": "panting",
    "Hubbub, speech noise, speech babble": "many people talking at once", "Chatter": "people chatting",
    "Crowd": "a crowd of people", "Cough": "someone coughing", "Sneeze": "someone sneezing",
    "Snoring": "someone snoring", "Breathing": "someone breathing", "Laughter": "people laughing",
    "Walk, footsteps": "footsteps", "Run": "someone running", "Clapping": "people clapping",
    "Applause": "applause", "Cheering": "a crowd cheering", "Hands": "hands clapping or rubbing",
    "Waves, surf": "sea waves on a beach", "Ocean": "the sea", "Rain on surface": "rain on a roof or window",
    "Raindrop": "raindrops", "Fire": "a fire burning", "Crackle": "a crackling fire", "Drip": "water dripping",
    "Pour": "pouring water", "Trickle, dribble": "water trickling", "Water tap, faucet": "a running water tap",
    "Vehicle horn, car horn, honking": "a car horn", "Toot": "a horn tooting", "Tick": "a clock ticking",
    "Tick-tock": "a clock ticking", "Clock": "a clock", "Idling": "an engine idling",
    "Accelerating, revving, vroom": "an engine revving", "Fixed-wing aircraft, airplane": "an airplane flying",
    "Helicopter": "a helicopter", "Boat, Water vehicle": "a boat", "Knock": "knocking on a door",
    "Slam": "a door slamming", "Creak": "a creaking door", "Shatter": "glass breaking",
    "Typing": "typing on a keyboard", "Computer keyboard": "typing on a computer keyboard",
    "Clicking": "a mouse click", "Toothbrush": "brushing teeth", "Toilet flush": "a toilet flushing",
    "Sawing": "sawing wood", "Inside, small room": "a small room", "Inside, large room or hall": "a large hall",
    "Inside, public space": "a busy public place indoors", "Outside, urban or manmade": "a city street",
    "Outside, rural or natural": "the countryside", "Subway, metro, underground": "a subway train",
    "Traffic noise, roadway noise": "road traffic", "Gunshot, gunfire": "a gunshot",
    "Burst, pop": "something popping", "Whoosh, swoosh, swish": "a whoosh", "Thump, thud": "a thud",
    "Chink, clink": "glasses clinking", "Domestic animals, pets": "pets", "Civil defense siren": "an air raid siren",
    "Livestock, farm animals, working animals": "farm animals", "A capella": "people singing without instruments",
    "Smash, crash": "something crashing", "Field recording": "a field recording outdoors",
}  # fmt: skip
"""Display names that few people would type, as they would say it."""


def phrasings(name: str) -> list[str]:
    """A label in every phrasing."""
    return [phrase.format(name.lower()) for phrase in PHRASINGS]


def tag_phrasings(name: str) -> list[str]:
    """As many phrasings of an AudioSet display name: without its brackets, or in plain English where it is odd."""
    plain = PLAIN.get(name) or re.sub(r"\s*\(.*?\)", "", name).lower()
    own, said = name.lower(), phrasings(plain)
    return [own, f"the sound of {own}", plain, *said[1:4]]
