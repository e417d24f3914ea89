"""A file of deals that names a contact: who takes part in a deal, where no file lists it."""

from tests.conftest import put
from tests.test_drafts import imported, rows

ACCOUNT = rows("Account Name,Main Phone", "Acme,1", "Beta,2")
CONTACT = rows(
    "Email,Company Name,First Name,Last Name,Job Title",
    "ann@acme.example,Acme,Ann,Quill,CEO",
    "bo@beta.example,Beta,Bo,Li,Buyer",
    "cy1@beta.example,Beta,Cy,Ray,Buyer",
    "cy2@beta.example,Beta,Cy,Ray,Clerk",  # of one name with another
)
OPPORTUNITY = rows(
    "Created On,Topic,Potential Customer,Status,Est. revenue,Est. close date,Contact",
    "5/20/2024 7:42,Beans,Acme,Won,100,8/31/2024,Ann Quill",
    "5/21/2024 7:42,Cups,Beta,Lost,200,8/31/2024,Bo Li",
    "5/22/2024 7:42,Milk,Beta,Open,300,8/31/2026,Dee Poe",  # unknown
    "5/23/2024 7:42,Tea,Beta,Open,300,8/31/2026,",  # nobody
    "5/24/2024 7:42,Salt,Beta,Open,300,8/31/2026,Cy Ray",  # which of the two?
    "5/25/2024 7:42,Rice,Acme,Open,300,8/31/2026,Bo Li",  # alike: the first of them is left out, so which is the first?
    "5/25/2024 7:42,Rice,Acme,Open,400,8/31/2026,Ann Quill",
    *(f"6/{d}/2024 7:42,Oats {d},Acme,Open,300,8/31/2026,Ann Quill" for d in range(1, 9)),
)
LEADER = "Id,AccountId,ContactId,Name,StageName,Amount,CloseDate,IsClosed,IsWon,CreatedDate"
SALESFORCE = {
    "Account": rows("Id,Name,Website,CreatedDate", "001A,Acme,acme.example,2024-01-05T08:00:00.000Z"),
    "Contact": rows("Id,AccountId,FirstName,LastName,Title", "003A,001A,Ann,Quill,CEO", "003B,001A,Bo,Li,Buyer"),
    "Opportunity": rows(
        LEADER,
        "006A,001A,003A,Deal A,Closed Won,1000,2024-06-30,true,true,2024-02-01T08:00:00.000Z",
        "006B,001A,,Deal B,Negotiation,500,2026-09-30,false,false,2024-03-01T08:00:00.000Z",
    ),
}


def test_the_contact_a_deal_names_takes_part_in_it_if_contacts_know_one_of_that_name(tmp_path):
    folder = put(tmp_path / "e", Account=ACCOUNT, Contact=CONTACT, Opportunity=OPPORTUNITY)
    found, tables = imported(folder, tmp_path)
    people = tables["contacts"].set_index("contact_id")["full_name"]
    links = tables["opportunity_contacts"]
    deals = tables["opportunities"].set_index("opportunity_id")["name"]
    named = dict(zip(links["opportunity_id"].map(deals), links["contact_id"].map(people), strict=True))
    assert named == {"Beans": "Ann Quill", "Cups": "Bo Li"} | {f"Oats {d}": "Ann Quill" for d in range(1, 9)}
    assert links["is_primary"].all() and "role" not in links  # unknown
    assert "opportunity_contacts: Contact is the main contact of each deal; no file names the others" in found.doubts


def test_a_contact_may_be_named_by_its_id(tmp_path):
    _, tables = imported(put(tmp_path / "e", **SALESFORCE), tmp_path)
    links = tables["opportunity_contacts"]
    assert links[["opportunity_id", "contact_id"]].to_numpy().tolist() == [["006A", "003A"]]


def test_a_file_that_lists_who_takes_part_holds(tmp_path):
    roles = rows("Id,OpportunityId,ContactId,Role,IsPrimary", "00K1,006A,003B,Decision Maker,false")
    _, tables = imported(put(tmp_path / "e", **SALESFORCE, OpportunityContactRole=roles), tmp_path)
    assert tables["opportunity_contacts"]["contact_id"].tolist() == ["003B"]


def test_contacts_nobody_knows_make_no_table(tmp_path):
    strangers = rows("Email,Company Name,First Name,Last Name,Job Title", "eve@acme.example,Acme,Eve,Orr,CEO")
    for name, files in {"without": {}, "others": {"Contact": strangers}}.items():
        folder = put(tmp_path / name, Account=ACCOUNT, Opportunity=OPPORTUNITY, **files)
        (tmp_path / f"of {name}").mkdir()
        found, tables = imported(folder, tmp_path / f"of {name}")
        assert "opportunity_contacts" not in tables and "join" not in found.text
