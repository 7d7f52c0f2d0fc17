"""What the demo asks, and what a person would call a right answer.

The answers to BLIND and to PHOTOGRAPHS were written down before any model had seen these samples; what a model fails
stays there. CHOSEN was added when `mini` had been trained: things that it does know, so that a person sees what each
direction is for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """query: words, or the path of a sample. source, target: modalities. right: paths of right answers."""

    source: str
    target: str
    query: str
    right: frozenset[str]

    @property
    def direction(self) -> str:
        """For titles: `text -> image`."""
        return f"{self.source} -> {self.target}"

    @property
    def arguments(self) -> list[str]:
        """What follows `anyseek search`."""
        asked = [self.query] if self.source == "text" else [f"--{self.source}", self.query]
        return [*asked, "--to", self.target, "-k", "3"]


def question(source: str, target: str, query: str, *right: str) -> Question:
    """A question with its acceptable answers."""
    return Question(source, target, query, frozenset(right))


BLIND = (
    question("text", "image", "a cat with green eyes", "pictures/pets/chelsea.png"),
    question("text", "image", "the sun goes down over the sea", "pictures/sea/evening.webp"),
    question("text", "audio", "a dog is barking", "recordings/animals/dog.wav"),
    question(
        "text",
        "audio",
        "church bells ringing",
        "recordings/street/church-bells.mp3",
        "recordings/a-walk-on-sunday.flac",
    ),
    question("text", "depth", "a bedroom with a double bed", "scans/bedroom_depth.png"),
    question("text", "text", "what to take along for climbing in the snow", "notes/travel/alps.md"),
    question("image", "audio", "pictures/sea/beach.jpg", "recordings/outdoors/waves.wav"),
    question("image", "text", "pictures/street/garage.png", "notes/work/motorcycle-service.txt"),
    question("image", "depth", "pictures/home/corridor.jpg", "scans/corridor_depth.npy"),
    question("audio", "image", "recordings/street/helicopter.flac", "pictures/far/rescue.bmp"),
    question("audio", "text", "recordings/weather/thunder.ogg", "notes/weather/storm.srt"),
    question("depth", "image", "scans/desk_depth.png", "pictures/home/desk.jpg"),
)

CHOSEN = (
    question("text", "image", "a cup of coffee", "pictures/table/break.png"),
    question(
        "audio",
        "image",
        "recordings/outdoors/waves.wav",
        "pictures/sea/evening.webp",
        "pictures/sea/beach.jpg",
    ),
    question("image", "audio", "pictures/sea/sailing.png", "recordings/outdoors/waves.wav"),
    question(
        "image",
        "audio",
        "pictures/sea/evening.webp",
        "recordings/outdoors/waves.wav",
        "recordings/weather/wind.mp3",
    ),
    question("depth", "image", "scans/kitchen_depth.tif", "pictures/home/kitchen.jpg"),
    question("depth", "image", "scans/main-street_depth.tif", "pictures/street/main-street.jpg"),
)

PHOTOGRAPHS = (
    question("text", "image", "a panda", "pictures/zoo/six.jpg"),
    question("text", "image", "a lizard on a green branch", "pictures/zoo/one.jpg"),
    question("text", "image", "a white bear walking through the snow", "pictures/zoo/seven.jpg"),
    question("text", "image", "an animal with large antlers", "pictures/zoo/five.jpg"),
    question("text", "image", "a crocodile lying at the water", "pictures/zoo/two.jpg"),
    question("text", "image", "a koala climbing a tree", "pictures/zoo/three.jpg"),
    question("text", "image", "animals with striped tails", "pictures/zoo/four.jpg"),
    question("text", "image", "two dogs look down from a balcony", "pictures/pets/neighbours.jpg"),
    question("text", "image", "a stream between rocks in the woods", "pictures/hills/water.jpg"),
    question("text", "image", "dandelions gone to seed", "pictures/hills/wishes.jpg"),
    question("text", "image", "fruit cut in half in a red bowl", "pictures/table/half.jpg"),
    question("text", "image", "brushes covered in paint", "pictures/table/colours.jpg"),
    question("text", "image", "a white marble palace with a dome", "pictures/far/agra.jpg"),
    question("text", "image", "the Great Wall of China", "pictures/far/on-the-ridge.jpg"),
    question("text", "image", "a house built of snow", "pictures/far/winter-camp.jpg"),
    question("text", "image", "a tower of iron in Paris", "pictures/far/paris.jpg"),
    question("image", "audio", "pictures/pets/neighbours.jpg", "recordings/animals/dog.wav"),
    question("image", "audio", "pictures/table/nine-past.jpg", "recordings/home/clock.wav"),
)

QUESTIONS = BLIND + PHOTOGRAPHS + CHOSEN
