"""Short texts in several formats and encodings. All were written for this project."""

from __future__ import annotations

# path -> (encoding, text)
NOTES: dict[str, tuple[str, str]] = {
    "notes/cooking/onion-soup.md": (
        "utf-8",
        """# Onion soup

Cut six onions into thin rings and fry them slowly in butter, half an hour at least, until they are soft and
brown. Add a spoon of flour, then a litre of beef broth and a glass of white wine. Let the soup simmer for
twenty minutes. Put slices of toasted bread and grated cheese on top and bake it in a hot oven.
""",
    ),
    "notes/cooking/pancakes.txt": (
        "utf-8",
        """Pancakes for four

Beat three eggs with a pint of milk and a pinch of salt. Stir in the flour little by little so that no lumps
are left. Melt some butter in a frying pan, pour in a thin layer of batter, turn the pancake when its
underside is golden. Serve with sugar and lemon juice.
""",
    ),
    "notes/garden.md": (
        "utf-8",
        """# The garden in April

- The tulips and daffodils are in flower, the first roses have buds.
- Sow carrots and lettuce, water them in the evening.
- Cut the grass before it gets too long. Pull up the weeds round the apple tree.
- The dahlias can be planted out after the last frost; they will bloom orange and red in August.
""",
    ),
    "notes/pets/puppy.txt": (
        "utf-8",
        """Training a young dog

Take the puppy for a walk four times a day. Reward it with a biscuit when it comes to you or sits down. If
your dog barks at strangers, do not shout: call it to you, praise it when it is quiet. Dogs need to run and to
play with other dogs.
""",
    ),
    "notes/pets/old-cat.txt": (
        "utf-16",
        """Our old cat

She sleeps most of the day on the windowsill, and meows at the kitchen door when she is hungry. The vet says
that her teeth are fine, but she should eat less. At night the cat still catches mice in the barn.
""",
    ),
    "notes/travel/harbour.html": (
        "utf-8",
        """<!doctype html>
<html><head><title>A day at the harbour</title><style>p { color: navy }</style>
<script>var hidden = "this is not read";</script></head>
<body><h1>A day at the harbour</h1>
<p>Fishing boats lay along the quay, and a yacht with white sails came in from the open sea. Gulls cried above
the masts. In the afternoon we hired a small sailing boat and crossed the bay.</p>
<p>The wind was light and the waves were low, so even the children were not seasick.</p></body></html>
""",
    ),
    "notes/travel/alps.md": (
        "utf-8",
        """## Four days in the Alps

We climbed from the valley to the mountain hut through deep snow. In the morning the summit was clear, and we
could see a hundred white peaks. Coming down over the glacier took five hours. Bring crampons, a rope, and
warm gloves: it was minus fifteen degrees at the top.
""",
    ),
    "notes/travel/postcard.txt": (
        "latin-1",
        """Dear Zoë,

the hotel is right on the beach. We swim before breakfast, drink café crème under a parasol and lie in the
sand all day. The water is warm and clear as glass. In the evening everybody comes to the shore to watch the
sun go down over the sea. À bientôt, Jérôme
""",
    ),
    "notes/work/minutes.rst": (
        "utf-8",
        """Minutes of the meeting
======================

Present: the whole sales team. The budget for next year was agreed. The new office will have more desks,
better chairs and two meeting rooms; the computers and screens arrive in March. Action: Maria asks three
suppliers for offers. Next meeting: Tuesday at ten.
""",
    ),
    "notes/work/motorcycle-service.txt": (
        "utf-8",
        """Motorcycle, 20,000 km service

Change the engine oil and the filter. Check the spark plugs, tighten the chain, look at the brake pads. The
engine knocks when it is cold: listen to it while it is idling, then rev it to 4000. The front tyre is worn.
""",
    ),
    "notes/science/rockets.md": (
        "utf-8",
        """# How a rocket reaches orbit

A rocket stands on the launch pad with hundreds of tonnes of fuel. At lift-off its engines burn for a few
minutes; then the first stage falls away and the second goes on into space. Astronauts on board feel three
times their weight. Once in orbit round the Earth they float.
""",
    ),
    "notes/science/galaxies.txt": (
        "utf-8",
        """Looking far away is looking back in time. The light of the most distant galaxies in the
telescope's deepest picture left them thirteen billion years ago. Every small smudge among the stars is an
island of a hundred billion suns.
""",
    ),
    "notes/weather/storm.srt": (
        "utf-8",
        """1
00:00:01,000 --> 00:00:04,500
Listen. That was thunder, and it is coming nearer.

2
00:00:05,000 --> 00:00:09,000
It has been raining all night. The street is under water.

3
00:01:12,000 --> 00:01:16,000
The storm has passed. Open the window and let some air in.
""",
    ),
    "notes/weather/birds-seen.csv": (
        "utf-8",
        """date,place,bird,remark
2024-04-02,forest edge,blackbird,singing before sunrise
2024-04-02,forest edge,great tit,two calls over and over
2024-04-09,old orchard,robin,feeding its young in the nest
2024-05-01,lake,nightingale,sang all night from the bushes
""",
    ),
    "notes/town/fire-station.txt": (
        "utf-8",
        """Open day at the fire station

See the big red fire engine, hear its siren, and slide down the pole. Children may hold the hose. An ambulance
and a police car will be there too. Coffee and cake in the garage from two o'clock.
""",
    ),
    "notes/town/church.md": (
        "utf-8",
        """# St Mary's church

The tower has four bells; the oldest was cast in 1482. They ring every evening at six and before the service
on Sunday. The organ was restored last year, and there is a concert each month.
""",
    ),
}
