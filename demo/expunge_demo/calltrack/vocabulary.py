"""Word lists of the example: names, clients, streets, towns and texts.

Nobody real is meant. Domains end in `.example` (RFC 2606), addresses on the net come from the documentation ranges
(RFC 5737, RFC 3849), and phone numbers begin with +49 10, which is never given to a subscriber (carrier selection).
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN = _words(
    """
    Ada Adem Aisha Albrecht Alina Amira Andrzej Anke Anouk Antje Arjun Asta Astrid Aurel Bartosz Beate Benedikt
    Birgit Björn Bogdan Bruno Carla Cemile Clemens Cosima Dagmar Daria Detlef Dilara Dmitri Dörte Eberhard Edda
    Egon Elif Elke Emre Enno Erika Esra Fatma Felicitas Femke Florin Frauke Friedrich Fumiko Gesine Giulia Gregor
    Gudrun Günter Hakan Hannelore Hasan Heike Hedwig Henrik Hilde Holger Ibrahim Ilse Imke Ines Ingrid Irina
    Isolde Jannik Jasper Joachim Jolanta Jörg Jürgen Kerstin Kamil Karla Katarzyna Kilian Klara Konrad Leyla Leif
    Levke Liselotte Ludger Magda Malte Marek Margarete Mehmet Milena Nadja Nele Nikolai Norbert Okan Olga Ortrud
    Oskar Petra Piotr Quirin Ragnar Rosa Ruben Sabine Selim Sigrid Sören Svea Tamara Theresa Timo Ulrike Urszula
    Veit Wanda Wenke Xaver Yasmin Zofia
    """
)
SURNAMES = _words(
    """
    Abendroth Ackermann Adamczyk Ahlers Albers Arslan Bäcker Baumgart Behrens Bergmann Bielefeld Böttcher Brandt
    Brinkmann Bülow Cordes Czerny Dahlmann Demir Diekmann Dietrich Dombrowski Dreyer Ebeling Eckstein Ehlers
    Engelhardt Erdmann Falkenberg Fehr Fiedler Finke Franke Freitag Fröhlich Gebhardt Gerlach Göbel Grabowski
    Greve Grothe Gruber Haas Hagedorn Hartwig Heidenreich Helmers Hennig Hinrichs Hoppe Hübner Ihde Iwanow Jacobs
    Jahnke Janssen Jensen Kaminski Karaca Kessler Kirchhoff Klages Knoll Köhler Kowalski Krüger Kuhlmann Lehnert
    Lindner Lorenz Lüders Maas Mahler Mertens Mielke Möller Nachtigall Naumann Nehring Nowak Oberländer Öztürk
    Ohlsen Pape Petersen Pfeiffer Pohl Preuss Quandt Rademacher Reimers Reuter Rieger Roth Rüdiger Sahin Sander
    Schade Schilling Schlüter Schröder Seidel Sommer Stahl Strauss Tiedemann Thoma Uhlig Unger Vogt Voss Wachsmuth
    Wegener Wendt Wieczorek Yilmaz Zander Zeller Ziegler
    """
)
DOMAINS = ("post.example", "mailbox.example", "briefe.example", "inbox.example", "werkstatt.example", "kanzlei.example")
CLIENTS = (
    "Möbelhaus Lindenhof",
    "Zahnärzte am Markt",
    "Autohaus Nordring",
    "Kanzlei Falk & Partner",
    "Reisebüro Fernweh",
    "Solarbau Oberland",
    "Küchenstudio Herdstelle",
    "Pflegedienst Morgenrot",
)
STREETS = _words(
    """
    Ahornweg Amselgasse Bachstraße Birkenallee Buchenweg Deichstraße Eichenallee Elsternweg Fichtengrund Finkenweg
    Flurstraße Gartenstraße Ginsterweg Hafenstraße Heideweg Holunderweg Imkerweg Kastanienallee Kiefernweg
    Kirchgasse Kornblumenweg Lerchenweg Lindenstraße Marktgasse Meisenweg Mühlenstraße Nelkenweg Quellenweg
    Rosenstraße Sandweg Schulstraße Seestraße Tannenweg Uferstraße Ulmenallee Veilchenweg Wacholderweg
    Weidenstraße Wiesengrund Ziegeleiweg
    """
)
CITIES = (
    "Altenried",
    "Bad Quellenau",
    "Brückhafen",
    "Eschenfurt",
    "Grünwerder",
    "Hohenbruch",
    "Kleinmoor",
    "Lindau-Süd",
    "Neufelden",
    "Rabenhorst",
    "Steinheide",
    "Westerbek",
)
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
)
REFERRERS = ("https://search.example/", "https://news.example/today", "https://partner.example/offers")
PAGES = ("/", "/dashboard", "/calls", "/recordings", "/settings/account", "/billing", "/exports")
MESSAGES = (
    "The forwarding number rings twice before it is answered. Can you look into it?",
    "Please change the billing address on the next invoice.",
    "The weekly report did not arrive on Monday.",
    "Thank you, that solved it.",
    "How do I add a colleague who may listen to recordings but not delete them?",
    "We moved offices; the old number should be switched off at the end of the month.",
)
NOTES = (
    "Asked for an offer by Friday.",
    "Wants to be called back in the afternoon.",
    "Complained about the waiting time.",
    "Appointment agreed for next week.",
    "Wrong department, put through to service.",
    "Asked whether the garden set is in stock.",
)
QUESTIONS = (
    ("How did you hear about us?", ("a friend", "the radio", "a search engine", "an advertisement")),
    ("When may we call you?", ("mornings", "afternoons", "evenings", "at any time")),
    ("What is it about?", ("an offer", "a repair", "a complaint", "a visit at home")),
    ("How large is the household?", ("one", "two", "three", "four or more")),
)
SPOKEN = _words(
    """
    good morning my name is {name} i am calling about my order could you ring me back on {phone} thank you
    """
)
